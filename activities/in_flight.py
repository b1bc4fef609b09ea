"""Work that outlives the call that started it: whoever asks for the same joins it."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Generic, TypeVar

R = TypeVar("R")


class InFlight(Generic[R]):
    """What is in flight in this process. Results are not kept."""

    def __init__(self) -> None:
        self._running: dict[Hashable, asyncio.Task[R]] = {}

    async def join(self, key: Hashable, begin: Callable[[], Awaitable[R]]) -> R:
        """The result of the work in flight for `key`, or else of `begin`. Raises what the work raises.

        The work goes on if whoever started it is cancelled, since others may be waiting for it.
        """
        task = self._running.get(key)
        if task is None:
            task = asyncio.create_task(_work(begin))
            self._running[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        return await asyncio.shield(task)

    async def drained(self) -> None:
        """Return once nothing is in flight."""
        while self._running:
            await asyncio.wait(self._running.values())

    def _forget(self, key: Hashable, done: asyncio.Task[Any]) -> None:
        self._running.pop(key, None)
        if not done.cancelled():
            # Otherwise asyncio reports it as never retrieved where everybody who waited has gone.
            done.exception()


async def _work(begin: Callable[[], Awaitable[R]]) -> R:
    return await begin()
