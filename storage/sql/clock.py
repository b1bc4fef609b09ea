"""One clock for all workers: the database's. Two machines' own clocks would disagree about what may still arrive."""

from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime

from sqlalchemy import func, select

from storage.sql.engines import AnyConnection

Clock = Callable[[], datetime]
"""An aware time, UTC."""

CLOCK: ContextVar[Clock | None] = ContextVar("CLOCK", default=None)
"""Instead of the database's clock. Only tests set it, when their Temporal server skips time."""

_NOW = select(func.clock_timestamp())


async def time_of(connection: AnyConnection) -> datetime:
    """The database's time. SQLite has no clock of its own: its machine's, which all its processes share."""
    if (clock := CLOCK.get()) is not None:
        return clock()
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    moment: datetime = (await connection.execute(_NOW)).scalar_one()
    return moment
