"""Waiting for what other processes do: for a condition, with a limit."""

import os
from collections.abc import Callable
from pathlib import Path

from tests.support.eventually import eventually

WAIT_S_MAX = 20.0


async def until(condition: Callable[[], bool], wait_s_max: float = WAIT_S_MAX) -> None:
    """`eventually`, of a condition that is looked at without waiting. Raises AssertionError."""

    async def holds() -> bool:
        return condition()

    await eventually(holds, wait_s_max)


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
