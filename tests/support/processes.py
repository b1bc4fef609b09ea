"""Waiting for what other processes do: for a condition, with a limit."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

WAIT_S_MAX = 20.0
_LOOK_EVERY_S = 0.02


async def until(condition: Callable[[], bool], wait_s_max: float = WAIT_S_MAX) -> None:
    """Raises TimeoutError."""
    async with asyncio.timeout(wait_s_max):
        while not condition():  # noqa: ASYNC110 - another process raises no event
            await asyncio.sleep(_LOOK_EVERY_S)


def is_gone(pid: int) -> bool:
    """Whether the process is no more; one that only waits to be reaped is gone."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
