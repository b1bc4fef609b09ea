"""A notification's own deadlines, with time skipped: repeated for a day, then given up where people look."""

import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest_asyncio
from temporalio import activity
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.contract.refunds import WebhookActivities
from domain.notifications import Delivery, NotificationEvent, Notify
from workflows.notification import NotificationWorkflow
from workflows.sandbox import sandbox
from workflows.start import start_notification

HOUR_S = 3_600
STEPS_MAX = 500
DOWN = ApplicationError("接收方未确认收到(HTTP 503)", type="unknown")


@dataclass
class Told(WebhookActivities):
    """`answers`: of the next attempts; the last one stays. `attempts`: when each came, as Temporal's clock has it."""

    answers: list[Delivery | ApplicationError] = field(default_factory=lambda: [Delivery.DELIVERED])
    attempts: list[float] = field(default_factory=list)
    given_up: list[Notify] = field(default_factory=list)

    async def deliver(self, notice: Notify) -> Delivery:  # noqa: ARG002 - scripted
        self.attempts.append(activity.info().started_time.timestamp())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, ApplicationError):
            raise answer.with_traceback(None)
        return answer

    async def give_up(self, notice: Notify) -> None:
        self.given_up.append(notice)

    @property
    def waits_s(self) -> list[int]:
        """Between one attempt and the next."""
        return [round(after - before) for before, after in zip(self.attempts, self.attempts[1:], strict=False)]


@dataclass
class Notifier:
    environment: WorkflowEnvironment
    told: Told
    task_queue: str = field(default_factory=lambda: uuid.uuid4().hex)
    notice: Notify = field(
        default_factory=lambda: Notify(
            hospital="main",
            med_org_ord=uuid.uuid4().hex[:20],
            notification_id=7,
            run=1,
            event=NotificationEvent.SETTLED,
        )
    )

    async def start(self) -> None:
        await start_notification(self.environment.client, self.task_queue, self.notice)

    @property
    def handle(self) -> WorkflowHandle[NotificationWorkflow, Delivery]:
        return self.environment.client.get_workflow_handle_for(NotificationWorkflow.run, self.notice.workflow_id)

    async def ended(self, step_s: int = 5) -> Delivery:
        """Its result. Time passes in steps: waiting for it would hold the test server's clock between attempts."""
        for _ in range(STEPS_MAX):
            if (await self.handle.describe()).status is not WorkflowExecutionStatus.RUNNING:
                return await self.handle.result()
            await self.environment.sleep(step_s)
        raise TimeoutError(f"not ended after {STEPS_MAX * step_s} s")

    async def attributes(self) -> dict[str, object]:
        described = await self.handle.describe()
        fields = described.raw_description.workflow_execution_info.search_attributes.indexed_fields
        return {name: json.loads(payload.data) for name, payload in fields.items()}


@pytest_asyncio.fixture
async def notifier(environment: WorkflowEnvironment) -> AsyncIterator[Notifier]:
    notifier = Notifier(environment, Told())
    async with Worker(
        environment.client,
        task_queue=notifier.task_queue,
        workflows=[NotificationWorkflow],
        activities=notifier.told.activities(),
        workflow_runner=sandbox(),
    ):
        yield notifier


async def test_delivered_at_once(notifier: Notifier) -> None:
    await notifier.start()
    assert await notifier.ended() is Delivery.DELIVERED
    assert (len(notifier.told.attempts), notifier.told.given_up) == (1, [])
    attributes = await notifier.attributes()
    assert (attributes["MedOrgOrd"], attributes["Hospital"]) == (notifier.notice.med_org_ord, "main")
    assert attributes["NeedsAttention"] is False


async def test_delivered_at_the_third_attempt(notifier: Notifier) -> None:
    notifier.told.answers = [DOWN, DOWN, Delivery.DELIVERED]
    await notifier.start()
    assert await notifier.ended() is Delivery.DELIVERED
    assert (notifier.told.waits_s, notifier.told.given_up) == ([5, 10], [])


async def test_repeated_for_a_day_then_given_up_where_people_look(notifier: Notifier) -> None:
    notifier.told.answers = [DOWN]
    await notifier.start()
    assert await notifier.ended(step_s=300) is Delivery.UNDELIVERED
    waits_s = notifier.told.waits_s
    assert waits_s[:11] == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600]
    assert set(waits_s[11:]) == {HOUR_S}
    assert 23 * HOUR_S <= sum(waits_s) <= 24 * HOUR_S
    assert notifier.told.given_up == [notifier.notice]
    attributes = await notifier.attributes()
    assert (attributes["NeedsAttention"], attributes["AttentionReason"]) == (True, "NOTIFICATION_FAILED")


async def test_who_wants_no_more_of_it_is_not_asked_again(notifier: Notifier) -> None:
    notifier.told.answers = [Delivery.GONE]
    await notifier.start()
    assert await notifier.ended() is Delivery.GONE
    assert (len(notifier.told.attempts), notifier.told.given_up) == (1, [notifier.notice])
    assert (await notifier.attributes())["AttentionReason"] == "NOTIFICATION_FAILED"


async def test_one_that_a_replay_has_overtaken_ends_quietly(notifier: Notifier) -> None:
    notifier.told.answers = [Delivery.SUPERSEDED]
    await notifier.start()
    assert await notifier.ended() is Delivery.SUPERSEDED
    assert notifier.told.given_up == []


async def test_started_twice_it_is_one(notifier: Notifier) -> None:
    await notifier.start()
    await notifier.start()
    assert await notifier.ended() is Delivery.DELIVERED
    await notifier.start()
    assert len(notifier.told.attempts) == 1
