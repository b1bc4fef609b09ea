"""Waiting for a condition, with a limit."""

import asyncio
import time
from collections.abc import Awaitable, Callable

LOOK_EVERY_S = 0.02


async def eventually(condition: Callable[[], Awaitable[bool]], within_s: float) -> None:
    """Return as soon as `condition` holds. Raises AssertionError when `within_s` seconds have passed."""
    until = time.monotonic() + within_s
    while not await condition():
        assert time.monotonic() < until, f"still not so after {within_s} s"
        await asyncio.sleep(LOOK_EVERY_S)
