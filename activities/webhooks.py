"""Callers are told by webhook; each attempt is on the payment's timeline."""

from collections.abc import Mapping

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.call_log import Change, now, send
from activities.contract import NotificationActivities
from domain.errors import NotSent, Refused, RemoteCallError
from domain.notifications import Delivery, Notify
from gateways.webhook import CallerWebhook
from storage.records import NotificationRecord
from storage.session import Database, Unit


class WebhookActivities(NotificationActivities):
    """`webhooks`: by hospital, those that have one."""

    def __init__(self, database: Database, webhooks: Mapping[str, CallerWebhook]) -> None:
        self._database = database
        self._webhooks = webhooks

    @activity.defn(name="webhook_deliver")
    async def deliver(self, notice: Notify) -> Delivery:
        async with self._database.read() as unit:
            written = await unit.notifications.find(notice.notification_id)
        if written is None:
            raise ApplicationError("no such notification", type="not_sent")
        if written.runs > notice.run:
            return Delivery.SUPERSEDED
        if written.delivered_at is not None:
            return Delivery.DELIVERED
        return await self._post(notice, written)

    @activity.defn(name="webhook_give_up")
    async def give_up(self, notice: Notify) -> None:
        async with self._database.begin() as unit:
            await unit.notifications.given_up(notice, now())

    async def _post(self, notice: Notify, written: NotificationRecord) -> Delivery:
        async def post(webhook_id: str) -> None:
            if (webhook := self._webhooks.get(notice.hospital)) is None:
                raise NotSent(notice.event, "该医院没有配置通知地址(webhook)")
            await webhook.post(notice.event, webhook_id, written.body)

        async def record(unit: Unit, _: None) -> None:
            await unit.notifications.delivered(notice, now())

        try:
            await send(self._database, Change(notice, notice.event, notice.webhook_id), post, record)
        except Refused:
            return Delivery.GONE
        except RemoteCallError as error:
            # Not with its cause, whose words name the address: the workflow's history is no place for it.
            raise ApplicationError(error.message, type=error.outcome.value) from None
        return Delivery.DELIVERED
