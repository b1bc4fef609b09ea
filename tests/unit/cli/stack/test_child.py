"""A signal to a process that may have just ended."""

import asyncio
import logging
import os
import signal
import sys

import pytest

from cli.stack.child import send


async def _started(code: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(sys.executable, "-S", "-c", code)


async def test_one_that_lives_gets_it() -> None:
    process = await _started("import signal; signal.pause()")
    send(process, signal.SIGKILL)
    assert await process.wait() == -signal.SIGKILL


async def test_one_that_has_just_died_ends_as_it_did(caplog: pytest.LogCaptureFixture) -> None:
    """asyncio's watcher still has to hear of it: nobody takes its end away."""
    process = await _started("raise SystemExit(4)")
    try:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # noqa: ASYNC222 - the loop must not hear of it yet
    except ChildProcessError:
        assert process.returncode is None  # the watcher's thread was faster, and its loop has not heard yet
    with caplog.at_level(logging.WARNING):
        send(process, signal.SIGTERM)
        assert await process.wait() == 4
        send(process, signal.SIGTERM)
    assert caplog.messages == []
