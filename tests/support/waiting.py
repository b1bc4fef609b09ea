"""Waiting for a condition, with a limit: of this process, or of another."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

WAIT_S_MAX = 120.0
LOOK_EVERY_S = 0.02


async def eventually(condition: Callable[[], Awaitable[bool]], within_s: float = WAIT_S_MAX) -> None:
    """Return as soon as `condition` holds. Raises AssertionError when `within_s` seconds have passed."""
    assert await comes_true(condition, within_s), f"still not so after {within_s} s"


async def comes_true(condition: Callable[[], Awaitable[bool]], within_s: float, every_s: float = LOOK_EVERY_S) -> bool:
    """Whether `condition` holds within `within_s` seconds; returns as soon as it does. Looks every `every_s`."""
    until = time.monotonic() + within_s
    while not await condition():
        if time.monotonic() >= until:
            return False
        await asyncio.sleep(every_s)
    return True


async def until(condition: Callable[[], bool], wait_s_max: float = WAIT_S_MAX) -> None:
    """`eventually`, of a condition that is looked at without waiting. Raises AssertionError."""

    async def holds() -> bool:
        return condition()

    await eventually(holds, wait_s_max)


def is_gone(pid: int) -> bool:
    """Whether the process is no more; one that only waits to be reaped is gone."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"
    except (ProcessLookupError, FileNotFoundError):
        # It may be reaped between any two of these, also while its file is being read.
        return True
