"""Identical concurrent calls share one answer: a workflow takes only ten updates at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

R = TypeVar("R")


class InFlight(Generic[R]):
    """The calls in flight in this process. Answers are not kept."""

    def __init__(self) -> None:
        self._running: dict[Hashable, asyncio.Task[R]] = {}

    async def join(self, key: Hashable, ask: Callable[[], Awaitable[R]]) -> R:
        """The answer of the call in flight for `key`, or else of `ask`. Raises what the call raises.

        The call goes on if the caller that started it is cancelled, since others may be waiting for it.
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
            # Otherwise asyncio reports it as never retrieved where every caller has gone.
            done.exception()


async def _call(ask: Callable[[], Awaitable[R]]) -> R:
    return await ask()
