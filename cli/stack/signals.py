"""Signals to the processes that asyncio started for us."""

import contextlib
import os
import signal
from asyncio.subprocess import Process


def send(process: Process, what: signal.Signals) -> None:
    """Nothing where it has ended.

    asyncio's own `terminate` and `kill` look first whether the process lives, and so may take the end of one that has
    just died from asyncio's watcher, which then complains on standard error.
    """
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, what)
