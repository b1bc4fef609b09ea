"""What a worker does beside its payments: it forgets what has served.

A revsToken when its hour is over, a payAuthNo when its minutes are (product rule 12), and the nonces of signed calls
that could not come again anyway. payToken stays: without it 6301 can't be asked, of money that comes late or of a
refund, for as long as there is a payment to ask about.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Collection
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from activities.call_log import now
from storage.session import Database

FORGET_EVERY_S = 60.0
AUTHORISATION_SERVES = timedelta(minutes=15)
"""payAuthNo is good for one use within 5 to 10 minutes (protocol); a little more, since clocks differ."""

logger = logging.getLogger(__name__)


@asynccontextmanager
async def tokens_forgotten(database: Database, hospitals: Collection[str]) -> AsyncIterator[None]:
    """Delete each token when it can't serve any more, at most `FORGET_EVERY_S` late, while the block runs.

    Several workers may do it at once: deleting twice changes nothing.
    """
    task = asyncio.create_task(_forget_for_ever(database, hospitals))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def forget(database: Database, hospitals: Collection[str], at: datetime) -> None:
    """Delete what can't serve any more at `at`."""
    async with database.begin() as unit:
        await unit.settlements.forget_tokens(at)
        await unit.payments.forget_authorisations(hospitals, at - AUTHORISATION_SERVES)
        await unit.refunds.forget_authorisations(at - AUTHORISATION_SERVES)
        await unit.nonces.forget(at)


async def _forget_for_ever(database: Database, hospitals: Collection[str]) -> None:
    await _in_spite_of_trouble(_forget_used(database))
    while True:
        await _in_spite_of_trouble(forget(database, hospitals, now()))
        await asyncio.sleep(FORGET_EVERY_S)


async def _forget_used(database: Database) -> None:
    async with database.begin() as unit:
        await unit.payments.forget_used_authorisations()


async def _in_spite_of_trouble(work: Awaitable[None]) -> None:
    try:
        await work
    except (SQLAlchemyError, OSError) as error:
        logger.warning("tokens not deleted, next try in %s s: %s", FORGET_EVERY_S, type(error).__name__)
