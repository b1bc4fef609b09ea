"""What a worker does beside its payments, again and again: it forgets what has served, and empties the outbox."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError
from temporalio.service import RPCError

from activities.call_log import now
from domain.notifications import Notify
from storage.notifications import BATCH_MAX
from storage.session import Database

FORGET_EVERY_S = 60.0
AUTHORISATION_SERVES = timedelta(minutes=15)
"""payAuthNo is good for one use within 5 to 10 minutes (protocol); a little more, since clocks differ."""

LOOK_EVERY_S = 1.0
AFTER_TROUBLE_S = 10.0

logger = logging.getLogger(__name__)

Start = Callable[[Notify], Awaitable[None]]
"""Gives a notification its workflow. Raises `temporalio.service.RPCError`."""


@asynccontextmanager
async def tokens_forgotten(database: Database, hospitals: Collection[str]) -> AsyncIterator[None]:
    """Delete each token when it can't serve any more, at most `FORGET_EVERY_S` late, while the block runs.

    Several workers may do it at once: deleting twice changes nothing.
    """

    async def round_() -> bool:
        await forget(database, hospitals, now())
        return False

    async with _repeated(round_, FORGET_EVERY_S, FORGET_EVERY_S, "tokens not deleted"):
        yield


@asynccontextmanager
async def outbox_emptied(database: Database, hospitals: Collection[str], start: Start) -> AsyncIterator[None]:
    """Give every waiting notification to `start` while the block runs. `hospitals`: those with somebody to tell.

    Several workers may do it at once: a workflow that is started twice is one, by its id.
    """

    async def round_() -> bool:
        return await empty(database, hospitals, start)

    async with _repeated(round_, LOOK_EVERY_S, AFTER_TROUBLE_S, "notifications not started"):
        yield


async def forget(database: Database, hospitals: Collection[str], at: datetime) -> None:
    """Delete what can't serve any more at `at`.

    A revsToken when its hour is over, a payAuthNo when its minutes are (product rule 12), and the nonces of signed
    calls that could not come again anyway. payToken stays: without it 6301 can't be asked, of money that comes late or
    of a refund, for as long as there is a payment to ask about.
    """
    async with database.begin() as unit:
        await unit.settlements.forget_tokens(at)
        await unit.payments.forget_authorisations(hospitals, at - AUTHORISATION_SERVES)
        await unit.refunds.forget_authorisations(at - AUTHORISATION_SERVES)
        await unit.nonces.forget(at)


async def empty(database: Database, hospitals: Collection[str], start: Start) -> bool:
    """One round of the outbox; whether more may be waiting."""
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


@asynccontextmanager
async def _repeated(
    work: Callable[[], Awaitable[bool]], every_s: float, after_trouble_s: float, trouble: str
) -> AsyncIterator[None]:
    """Do `work` at once and then every `every_s` while the block runs, and again at once where it says so.

    Where the database or Temporal is away it is logged as `trouble`, and tried again `after_trouble_s` later.
    """

    async def for_ever() -> None:
        while True:
            try:
                pause_s = 0.0 if await work() else every_s
            except (SQLAlchemyError, OSError, RPCError) as error:
                logger.warning("%s, next try in %s s: %s", trouble, after_trouble_s, type(error).__name__)
                pause_s = after_trouble_s
            await asyncio.sleep(pause_s)

    task = asyncio.create_task(for_ever())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
