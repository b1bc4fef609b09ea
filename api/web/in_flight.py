"""Identical calls that are under way at once share one answer: a workflow takes only ten updates at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

R = TypeVar("R")


class InFlight(Generic[R]):
    """Within one process. Nothing is kept once the answer is there."""

    def __init__(self) -> None:
        self._running: dict[Hashable, asyncio.Task[R]] = {}

    async def join(self, key: Hashable, ask: Callable[[], Awaitable[R]]) -> R:
        """The answer of the call under way for `key`, or of a new one. Raises what it raises.

        A caller that goes away leaves the call running for the others.
        """
        task = self._running.get(key)
        if task is None:
            task = asyncio.create_task(_call(ask))
            self._running[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        return await asyncio.shield(task)

    def _forget(self, key: Hashable, done: asyncio.Task[R]) -> None:
        self._running.pop(key, None)
        if not done.cancelled():
            # Retrieved, so that asyncio does not report it where every caller has gone.
            done.exception()


async def _call(ask: Callable[[], Awaitable[R]]) -> R:
    return await ask()
