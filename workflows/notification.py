"""Delivers one notification to a caller, or gives it up. A payment never waits for it."""

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.contract.base import StepResult
from activities.contract.refunds import WebhookActivities
from activities.reporting import declaration_of
from domain.attention import AttentionReason
from domain.base import for_operators
from domain.notifications import GIVEN_UP, Delivery, Notify
from workflows import limits
from workflows import search_attributes as sa


@workflow.defn(name="NotificationWorkflow")
class NotificationWorkflow:
    """One run of one notification. Address, secret and body stay out of the history: the activity looks them up."""

    @workflow.run
    async def run(self, run: Notify) -> Delivery:
        delivery = await self._deliver(run)
        if delivery in GIVEN_UP:
            await self._give_up(run)
        return delivery

    async def _deliver(self, run: Notify) -> Delivery:
        """Undelivered, as far as we know, is also what somebody else says was delivered."""
        declaration = declaration_of(WebhookActivities.deliver)
        try:
            told: StepResult[Delivery] | None = await workflow.execute_activity(
                declaration.name,
                run,
                result_type=declaration.returns,
                start_to_close_timeout=limits.DELIVERY_ATTEMPT_TIMEOUT,
                schedule_to_close_timeout=limits.DELIVERY_BUDGET,
                retry_policy=limits.DELIVERY_RETRY,
                summary=for_operators(f"通知调用方 {run.event.value}"),
            )
        except ActivityError:
            return Delivery.UNDELIVERED
        return (
            Delivery.UNDELIVERED if told is None or told.name != declaration.name or told.value is None else told.value
        )

    async def _give_up(self, run: Notify) -> None:
        """From here on a person must replay it."""
        workflow.upsert_search_attributes(sa.attention_updates(AttentionReason.NOTIFICATION_FAILED.value))
        declaration = declaration_of(WebhookActivities.give_up)
        await workflow.execute_activity(
            declaration.name,
            run,
            result_type=declaration.returns,
            start_to_close_timeout=limits.DELIVERY_ATTEMPT_TIMEOUT,
            schedule_to_close_timeout=limits.RECORD_BUDGET,
            summary=for_operators("记录通知未送达"),
        )
