"""The outbox's way out: what the records say that callers are to be told gets a workflow, within a second or so."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager

from sqlalchemy.exc import SQLAlchemyError
from temporalio.service import RPCError

from activities.call_log import now
from domain.notifications import Notify
from storage.notifications import BATCH_MAX
from storage.session import Database

LOOK_EVERY_S = 1.0
AFTER_TROUBLE_S = 10.0
logger = logging.getLogger(__name__)

Start = Callable[[Notify], Awaitable[None]]


@asynccontextmanager
async def outbox_emptied(database: Database, hospitals: Collection[str], start: Start) -> AsyncIterator[None]:
    """Give every waiting notification to `start` while the block runs. `hospitals`: those with somebody to tell.

    Several workers may do it at once: a workflow that is started twice is one, by its id.
    """
    task = asyncio.create_task(_empty_for_ever(database, hospitals, start))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _empty_for_ever(database: Database, hospitals: Collection[str], start: Start) -> None:
    while True:
        try:
            pause_s = 0.0 if await empty(database, hospitals, start) else LOOK_EVERY_S
        except (SQLAlchemyError, OSError, RPCError) as error:
            logger.warning("notifications not started, next try in %s s: %s", AFTER_TROUBLE_S, type(error).__name__)
            pause_s = AFTER_TROUBLE_S
        await asyncio.sleep(pause_s)


async def empty(database: Database, hospitals: Collection[str], start: Start) -> bool:
    """One round; whether more may be waiting."""
    async with database.read() as unit:
        waiting = await unit.notifications.waiting()
    nobodys = [notice for notice in waiting if notice.hospital not in hospitals]
    started: list[Notify] = []
    try:
        for notice in waiting:
            if notice.hospital in hospitals:
                await start(notice)
                started.append(notice)
    finally:
        # Also after one that failed: what has its workflow would only be started for nothing again.
        if started or nobodys:
            async with database.begin() as unit:
                await unit.notifications.started(started, now())
                # Kept, not sent: a hospital that names an address later can have them by a replay.
                await unit.notifications.left(nobodys, now())
    return len(waiting) == BATCH_MAX
