"""Delivers notifications by webhook; each attempt is in the call log."""

from collections.abc import Mapping

from temporalio.exceptions import ApplicationError

from activities.call_log import CallLog
from activities.contract.refunds import WebhookActivities
from domain.errors import NotSent, Outcome, Refused, RemoteCallError
from domain.notifications import Delivery, Notify
from gateways.webhook import CallerWebhook


class Webhooks(WebhookActivities):
    """`webhooks`: by hospital, those that have one."""

    def __init__(self, call_log: CallLog, webhooks: Mapping[str, CallerWebhook]) -> None:
        self._call_log = call_log
        self._database = call_log.database
        self._webhooks = webhooks

    async def deliver(self, notification: Notify) -> Delivery:
        async with self._database.read() as unit:
            stored = await unit.notifications.find(notification.notification_id)
        if stored is None:
            raise ApplicationError("no such notification", type=Outcome.NOT_SENT.value)
        if stored.runs > notification.run:
            return Delivery.SUPERSEDED
        if stored.delivered_at is not None:
            return Delivery.DELIVERED
        try:
            async with self._call_log.leaving(notification, notification.event, notification.webhook_id) as call:
                await self._post(notification, stored.body)
                async with call.done() as done:
                    await done.unit.notifications.delivered(notification, done.at)
        except Refused:
            return Delivery.GONE
        except RemoteCallError as error:
            # Without its cause, whose message contains the address: that must not get into the history.
            raise ApplicationError(error.message, type=error.outcome.value) from None
        return Delivery.DELIVERED

    async def give_up(self, notification: Notify) -> None:
        async with self._database.begin() as unit:
            await unit.notifications.given_up(notification, await unit.now())

    async def _post(self, notification: Notify, body: str) -> None:
        if (webhook := self._webhooks.get(notification.hospital)) is None:
            raise NotSent(notification.event, "该医院没有配置通知地址(webhook)")
        await webhook.post(notification.event, notification.webhook_id, body)
