"""Callers are told by webhook; each attempt is on the payment's timeline."""

from collections.abc import Mapping

from temporalio.exceptions import ApplicationError

from activities.call_log import CallLog, now
from activities.contract import WebhookActivities
from domain.errors import NotSent, Refused, RemoteCallError
from domain.notifications import Delivery, Notify
from gateways.webhook import CallerWebhook


class Webhooks(WebhookActivities):
    """`webhooks`: by hospital, those that have one."""

    def __init__(self, call_log: CallLog, webhooks: Mapping[str, CallerWebhook]) -> None:
        self._call_log = call_log
        self._database = call_log.database
        self._webhooks = webhooks

    async def deliver(self, notice: Notify) -> Delivery:
        async with self._database.read() as unit:
            written = await unit.notifications.find(notice.notification_id)
        if written is None:
            raise ApplicationError("no such notification", type="not_sent")
        if written.runs > notice.run:
            return Delivery.SUPERSEDED
        if written.delivered_at is not None:
            return Delivery.DELIVERED
        try:
            async with self._call_log.leaving(notice, notice.event, notice.webhook_id) as call:
                await self._post(notice, written.body)
                async with call.done() as unit:
                    await unit.notifications.delivered(notice, now())
        except Refused:
            return Delivery.GONE
        except RemoteCallError as error:
            # Not with its cause, whose words name the address: the workflow's history is no place for it.
            raise ApplicationError(error.message, type=error.outcome.value) from None
        return Delivery.DELIVERED

    async def give_up(self, notice: Notify) -> None:
        async with self._database.begin() as unit:
            await unit.notifications.given_up(notice, now())

    async def _post(self, notice: Notify, body: str) -> None:
        if (webhook := self._webhooks.get(notice.hospital)) is None:
            raise NotSent(notice.event, "该医院没有配置通知地址(webhook)")
        await webhook.post(notice.event, notice.webhook_id, body)
