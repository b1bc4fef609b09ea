"""One notification to a caller, until it is delivered or given up. A payment never waits for it."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

from activities.contract import WebhookActivities
from domain.base import for_operators
from domain.notifications import GIVEN_UP, NOTIFICATION_FAILED, Delivery, Notify
from workflows import limits
from workflows import search_attributes as sa

DELIVERY_BUDGET = timedelta(hours=24)
ATTEMPT_TIMEOUT = timedelta(seconds=30)
"""The call's own 10 s, and our database."""

RETRY = RetryPolicy(initial_interval=timedelta(seconds=5), backoff_coefficient=2.0, maximum_interval=timedelta(hours=1))
"""Some 33 attempts in a day."""


@workflow.defn(name="NotificationWorkflow")
class NotificationWorkflow:
    """One run of one notification. Address, secret and body stay out of its history: the activity looks them up."""

    @workflow.run
    async def run(self, notice: Notify) -> Delivery:
        delivery = await self._deliver(notice)
        if delivery in GIVEN_UP:
            await self._give_up(notice)
        return delivery

    async def _deliver(self, notice: Notify) -> Delivery:
        try:
            return await workflow.execute_activity_method(
                WebhookActivities.deliver,
                notice,
                start_to_close_timeout=ATTEMPT_TIMEOUT,
                schedule_to_close_timeout=DELIVERY_BUDGET,
                retry_policy=RETRY,
                summary=for_operators(f"通知调用方 {notice.event.value}"),
            )
        except ActivityError:
            return Delivery.UNDELIVERED

    async def _give_up(self, notice: Notify) -> None:
        """A person has to see to it, and to replay it."""
        workflow.upsert_search_attributes(
            [
                sa.NEEDS_ATTENTION.value_set(True),  # noqa: FBT003 - the SDK's signature
                sa.ATTENTION_REASON.value_set(NOTIFICATION_FAILED),
            ]
        )
        await workflow.execute_activity_method(
            WebhookActivities.give_up,
            notice,
            start_to_close_timeout=ATTEMPT_TIMEOUT,
            schedule_to_close_timeout=limits.RECORD_BUDGET,
            summary=for_operators("记录通知未送达"),
        )
