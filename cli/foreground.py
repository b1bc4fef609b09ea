"""Runs long work in the foreground until it ends or the user stops it."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

import typer

from cli.configuration import CommandError
from cli.stack.child import ComponentFailed

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_until_stopped(work: Coroutine[Any, Any, int], *, when_stopped: int) -> int:
    """The exit code of `work`, or `when_stopped` if Ctrl-C, SIGTERM or a closed terminal cancelled it.

    Raises `CommandError` with the end of a failed component's log.
    """
    try:
        return asyncio.run(_cancelled_by_signal(work, when_stopped))
    except ComponentFailed as failed:
        end = [f"  {line}" for line in failed.tail] or ["  (empty)"]
        raise CommandError(f"{failed}; the end of {failed.log}:", *end) from None


async def _cancelled_by_signal(work: Coroutine[Any, Any, int], when_stopped: int) -> int:
    task = asyncio.ensure_future(work)
    told = asyncio.Event()

    def stop() -> None:
        if not told.is_set():  # stopping is bounded in time; a second signal must not interrupt it
            told.set()
            typer.echo("Stopping", err=True)
            task.cancel()

    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        return await task
    except asyncio.CancelledError:
        if not told.is_set():
            raise
        return when_stopped
