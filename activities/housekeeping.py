"""What a worker does beside its payments: it forgets what has served.

A revsToken whose hour is over (product rule 12), and the nonces of signed calls that could not come again anyway.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.exc import SQLAlchemyError

from activities.ledger import now
from storage.session import Database

FORGET_EVERY_S = 60.0
logger = logging.getLogger(__name__)


@asynccontextmanager
async def tokens_forgotten(database: Database) -> AsyncIterator[None]:
    """Delete each token when its reversal deadline is over, at most `FORGET_EVERY_S` late, while the block runs.

    Several workers may do it at once: deleting twice changes nothing.
    """
    task = asyncio.create_task(_forget_for_ever(database))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _forget_for_ever(database: Database) -> None:
    while True:
        try:
            async with database.begin() as unit:
                await unit.settlements.forget_tokens(now())
                await unit.nonces.forget(now())
        except (SQLAlchemyError, OSError) as error:
            logger.warning("tokens not deleted, next try in %s s: %s", FORGET_EVERY_S, type(error).__name__)
        await asyncio.sleep(FORGET_EVERY_S)
