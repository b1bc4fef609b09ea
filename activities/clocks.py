"""A worker whose clock is wrong takes no work: its clock is compared with the database's and with Temporal's.

Steps go by the database's time and workflows by Temporal's, but durations are measured here, and logs, certificates and
signatures carry this machine's time.
"""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, PollActivityTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from domain.base import Frozen
from storage.session import Database

SKEW_MAX = timedelta(seconds=5)
LOOK_EVERY_S = 60.0
_POLL_TIMEOUT = timedelta(seconds=15)
"""Temporal refuses a shorter one; ours is broken off as soon as the server has seen it."""
_RPC_TIMEOUT = timedelta(seconds=5)
_SEEN_WITHIN_S = 3.0
_LOOK_AGAIN_S = 0.05

logger = logging.getLogger(__name__)


class ClockSkewError(Exception):
    """This machine's clock differs by more than `SKEW_MAX` from the database's or Temporal's."""


class Skew(Frozen):
    """How far this machine's clock is ahead of the others', in seconds; 0 if a difference cannot be told."""

    database_s: float
    temporal_s: float

    @property
    def is_tolerable(self) -> bool:
        return max(abs(self.database_s), abs(self.temporal_s)) <= SKEW_MAX.total_seconds()

    def __str__(self) -> str:
        return f"database {self.database_s:+.1f} s, Temporal {self.temporal_s:+.1f} s"


async def check_clock(database: Database, client: Client, task_queue: str) -> Skew:
    """Compare this machine's clock. Raises `ClockSkewError`, SQLAlchemyError, OSError or RPCError."""
    skew = Skew(database_s=await _ahead_of_database(database), temporal_s=await _ahead_of_temporal(client, task_queue))
    if not skew.is_tolerable:
        raise ClockSkewError(f"本机时钟与其他系统相差超过{SKEW_MAX.total_seconds():.0f}秒, 不受理任何任务: {skew}")
    return skew


@asynccontextmanager
async def clock_watched(
    database: Database, client: Client, task_queue: str, stop: asyncio.Event
) -> AsyncIterator[None]:
    """Check the clock now and every `LOOK_EVERY_S` while the block runs. If it goes wrong, set `stop`.

    Raises `ClockSkewError` now, or at the end if it went wrong.
    """
    logger.info("this machine's clock is ahead by: %s", await check_clock(database, client, task_queue))
    task = asyncio.create_task(_until_wrong(database, client, task_queue, stop))
    try:
        yield
    finally:
        if not task.done():
            task.cancel()
        (wrong,) = await asyncio.gather(task, return_exceptions=True)
    if isinstance(wrong, ClockSkewError):
        raise wrong


async def _until_wrong(database: Database, client: Client, task_queue: str, stop: asyncio.Event) -> None:
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        try:
            await check_clock(database, client, task_queue)
        except ClockSkewError as error:
            logger.error("%s", error)  # noqa: TRY400 - the message says all; the stack nothing
            stop.set()
            raise
        except (SQLAlchemyError, OSError, RPCError) as error:
            logger.warning("clock not compared: %s", type(error).__name__)


async def _ahead_of_database(database: Database) -> float:
    before = datetime.now(UTC)
    async with database.read() as unit:
        theirs = await unit.now()
    return _ahead(before, theirs, datetime.now(UTC))


async def _ahead_of_temporal(client: Client, task_queue: str) -> float:
    """Temporal says when it last saw somebody poll a queue. Ours is empty and has no other user."""
    identity = f"clock-{uuid.uuid4()}"
    queue = TaskQueue(name=f"{task_queue}-clock")
    poll = PollActivityTaskQueueRequest(namespace=client.namespace, task_queue=queue, identity=identity)
    before = datetime.now(UTC)
    polling = asyncio.create_task(client.workflow_service.poll_activity_task_queue(poll, timeout=_POLL_TIMEOUT))
    try:
        seen_at = await _seen_at(client, queue, identity)
    finally:
        polling.cancel()
        await asyncio.gather(polling, return_exceptions=True)
    return 0.0 if seen_at is None else _ahead(before, seen_at, datetime.now(UTC))


async def _seen_at(client: Client, queue: TaskQueue, identity: str) -> datetime | None:
    """None if the server does not say so in time: a busy one may be late, which proves nothing."""
    describe = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=queue,
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
    )
    give_up_at = asyncio.get_running_loop().time() + _SEEN_WITHIN_S
    while asyncio.get_running_loop().time() < give_up_at:
        described = await client.workflow_service.describe_task_queue(describe, timeout=_RPC_TIMEOUT)
        for poller in described.pollers:
            if poller.identity == identity:
                return poller.last_access_time.ToDatetime().replace(tzinfo=UTC)
        await asyncio.sleep(_LOOK_AGAIN_S)
    return None


def _ahead(before: datetime, theirs: datetime, after: datetime) -> float:
    """How far our clock is ahead, if `theirs` was read between our `before` and `after`."""
    if theirs < before:
        return (before - theirs).total_seconds()
    return -(theirs - after).total_seconds() if theirs > after else 0.0
