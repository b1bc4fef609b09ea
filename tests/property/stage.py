"""Where runs are played: one time-skipping test server, one worker with the real story and activities, one database.

Each run is a hospital of its own there, with a centre and an HIS of its own.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.exc import OperationalError
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities import bill_locks
from activities.call_log import CallLog
from activities.centre import Centre
from activities.his import His
from activities.records import Records
from activities.refunds import Refunds
from gateways.his.http import HttpHospitalSystem
from security.crypto.keyring import Keyring
from storage.session import Database, Unit
from storage.sql.migrate import upgrade
from tests.property.losses import Losses
from tests.property.sides.centre import CentreSide
from tests.property.sides.faults import Faults
from tests.support.stack.time_skipping import start_time_skipping
from tests.support.waiting import eventually
from workflows.payment.workflow import PaymentWorkflow
from workflows.refund.workflow import RefundWorkflow
from workflows.sandbox import sandbox

WORKFLOWS = [PaymentWorkflow, RefundWorkflow]
HOLDER_WAIT = timedelta(milliseconds=300)
"""A newcomer waits for the holder's answer in real time, and holds the server's clock as long."""
CACHED = 100
PAUSE_S_MAX = 60
RECORDS = "records"
"""The transaction by which our own database is made to fail."""


class FailingDatabase(Database):
    """Our database; a transaction that has a fault fails instead of beginning."""

    faults = Faults()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Unit]:
        if self.faults.take(RECORDS) is not None:
            raise OperationalError("BEGIN", None, Exception("the database is away"))
        async with super().begin() as unit:
            yield unit


class Stage:
    """`environment` keeps the time; `hospitals` are added to `centres` and `systems` run by run."""

    def __init__(self, environment: WorkflowEnvironment, database: FailingDatabase) -> None:
        self.environment = environment
        self.database = database
        self.task_queue = "random"
        self.centres: dict[str, CentreSide] = {}
        self.systems: dict[str, HttpHospitalSystem] = {}
        self.attempts = 0
        """How many attempts of activities are under way."""

    @property
    def client(self) -> Client:
        return self.environment.client

    def worker(self, cached: int) -> Worker:
        """With `cached` 0 each task is done as by a worker that has just started, from the history alone.

        A real restart would lose the tasks that a poll of the old one takes, and hold the server's clock for them.
        """
        return Worker(
            self.client,
            task_queue=self.task_queue,
            workflows=WORKFLOWS,
            activities=self._activities(),
            workflow_runner=sandbox(),
            interceptors=[Losses(self)],
            max_cached_workflows=cached,
        )

    def _activities(self) -> Sequence[Callable[..., Any]]:
        call_log = CallLog(self.database)
        groups = [
            His(call_log, self.systems),
            Centre(call_log, self.centres),
            Refunds(call_log, self.centres),
            bill_locks.BillLocks(call_log.steps, self.client),
            Records(call_log.steps),
        ]
        return [each for group in groups for each in group.activities()]


async def pauses(stage: Stage, payments: Sequence[WorkflowHandle[Any, Any]]) -> None:
    """Return once none of them is being worked on. Raises TimeoutError where that does not come."""

    async def paused() -> bool:
        return not stage.attempts and all([await _has_paused(payment) for payment in payments])

    try:
        await eventually(paused, PAUSE_S_MAX)
    except AssertionError as error:
        raise TimeoutError(str(error)) from None


async def _has_paused(payment: WorkflowHandle[Any, Any]) -> bool:
    """Whether its latest task is done, and no activity is at its first attempt or waits for it.

    An attempt that has begun for the server may not have come to the worker yet: under load the patient then paid an
    order that the centre did not have. A later attempt counts only while it is at work, since the test server shows one
    that waits as begun. The history is read twice, since an activity may be scheduled between two looks.
    """
    before = await _tasks(payment)
    described = await payment.describe()
    if described.status is not WorkflowExecutionStatus.RUNNING:
        return True
    pending = described.raw_description.pending_activities
    if any(each.attempt <= 1 for each in pending):
        return False
    return before[-1:] == [_TASK_DONE] and before == await _tasks(payment)


async def _tasks(payment: WorkflowHandle[Any, Any]) -> list[EventType.ValueType]:
    """The events of its workflow tasks so far."""
    return [event.event_type async for event in payment.fetch_history_events() if event.event_type in _TASK]


_TASK_DONE = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
_TASK = frozenset(
    {_TASK_DONE, EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED, EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED}
)


def migrated_database(folder: Path) -> str:
    """The URL of a database with today's tables."""
    url = f"sqlite:///{folder / 'records.db'}"
    upgrade(url)
    return url


@asynccontextmanager
async def open_stage(url: str, *, forgetful: bool) -> AsyncIterator[Stage]:
    """A stage on the migrated, empty database at `url`. `forgetful`: its worker remembers no payment."""
    bill_locks._ANSWER_WAIT = HOLDER_WAIT
    async with (
        await start_time_skipping() as environment,
        FailingDatabase(url, Keyring.generate()) as database,
    ):
        stage = Stage(environment, database)
        async with stage.worker(0 if forgetful else CACHED):
            yield stage
