"""What time it is for the activities. A test whose Temporal server skips time has them live by that server's clock."""

from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""An aware time, UTC."""


def wall_clock() -> datetime:
    return datetime.now(UTC)


CLOCK: ContextVar[Clock] = ContextVar("CLOCK", default=wall_clock)
"""Of the activity that is running. Nothing in the product sets it."""
