"""Background jobs of a worker: deleting expired tokens, and starting notifications from the outbox."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError
from temporalio.service import RPCError

from domain.notifications import Notify
from storage.notifications import BATCH_MAX
from storage.session import Database

FORGET_EVERY_S = 60.0
AUTHORISATION_SERVES = timedelta(minutes=15)
"""payAuthNo is valid for one use within 5 to 10 minutes (protocol); some more, since clocks differ."""

NUMBERS_KEPT = timedelta(days=7)
"""How long the number of an update is kept after its last answer, and that of a person's command after its use."""

LOOK_EVERY_S = 1.0
AFTER_TROUBLE_S = 10.0

logger = logging.getLogger(__name__)

Start = Callable[[Notify], Awaitable[None]]
"""Starts a notification's workflow. Raises `temporalio.service.RPCError`."""


@asynccontextmanager
async def tokens_forgotten(database: Database, hospitals: Collection[str]) -> AsyncIterator[None]:
    """Delete expired tokens while the block runs, at most `FORGET_EVERY_S` late.

    Several workers may do this at once: deleting twice changes nothing.
    """

    async def work() -> bool:
        await forget(database, hospitals)
        return False

    async with repeated(work, FORGET_EVERY_S, FORGET_EVERY_S, "tokens not deleted"):
        yield


@asynccontextmanager
async def outbox_emptied(database: Database, hospitals: Collection[str], start: Start) -> AsyncIterator[None]:
    """Pass every waiting notification to `start` while the block runs. `hospitals`: those with a webhook.

    Several workers may do this at once: the workflow's id prevents a second start.
    """

    async def work() -> bool:
        return await empty(database, hospitals, start)

    async with repeated(work, LOOK_EVERY_S, AFTER_TROUBLE_S, "notifications not started"):
        yield


async def forget(database: Database, hospitals: Collection[str]) -> None:
    """Delete what has expired: revsToken, payAuthNo (product rule 12), nonces, sign-outs, and numbers once used.

    payToken stays as long as the payment: 6301 needs it, for late money or a refund.
    """
    async with database.begin() as unit:
        at = await unit.now()
        await unit.settlements.forget_tokens(at)
        await unit.payments.forget_authorisations(hospitals, at - AUTHORISATION_SERVES)
        await unit.refunds.forget_authorisations(at - AUTHORISATION_SERVES)
        await unit.nonces.forget(at)
        await unit.update_numbers.forget(at - NUMBERS_KEPT)
        await unit.commands.forget(at - NUMBERS_KEPT)
        await unit.ended_sessions.forget(at)


async def empty(database: Database, hospitals: Collection[str], start: Start) -> bool:
    """One batch of the outbox. Returns whether more may be waiting."""
    async with database.read() as unit:
        waiting = await unit.notifications.waiting()
    without_webhook = [notification for notification in waiting if notification.hospital not in hospitals]
    started: list[Notify] = []
    try:
        for notification in waiting:
            if notification.hospital in hospitals:
                await start(notification)
                started.append(notification)
    finally:
        # Also if a start failed, or those before it would be started again for nothing.
        if started or without_webhook:
            async with database.begin() as unit:
                at = await unit.now()
                await unit.notifications.started(started, at)
                # Kept unsent: a hospital that configures a webhook later can replay them.
                await unit.notifications.left(without_webhook, at)
    return len(waiting) == BATCH_MAX


@asynccontextmanager
async def repeated(
    work: Callable[[], Awaitable[bool]], every_s: float, after_trouble_s: float, trouble: str
) -> AsyncIterator[None]:
    """Run `work` every `every_s` while the block runs, or again at once if it returns True.

    If the database or Temporal is unreachable, log `trouble` and try again after `after_trouble_s`.
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
