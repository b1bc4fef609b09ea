"""Starts components, watches them all, and stops them in reverse order whatever happens."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from cli.stack.child import Child, Component, ComponentFailed

_Result = TypeVar("_Result")


class Supervisor:
    """Leaving the `async with` block stops every component."""

    def __init__(self, logs: Path, on_ready: Callable[[str], None] = lambda _: None) -> None:
        self._logs = logs
        self._on_ready = on_ready
        self._layers: list[list[Child]] = []
        self._watchers: list[asyncio.Task[None]] = []
        self._failed: asyncio.Future[ComponentFailed] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def pids(self) -> dict[str, int]:
        return {child.component.name: child.pid for layer in self._layers for child in layer}

    async def start(self, *components: Component) -> None:
        """Start these together and wait until all are ready. Raises `ComponentFailed` if any component fails."""
        layer: list[Child] = []
        self._layers.append(layer)
        for component in components:
            child = await Child.start(component, self._logs)
            layer.append(child)
            self._watchers.append(asyncio.create_task(self._watch(child)))
        await self.run(asyncio.gather(*(self._until_ready(child) for child in layer)))

    async def run(self, work: Awaitable[_Result]) -> _Result:
        """The result of `work`. Raises `ComponentFailed` as soon as a component ends."""
        task = asyncio.ensure_future(work)
        either: set[asyncio.Future[Any]] = {task, self._failed}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if self._failed.done():
                raise self._failed.result()
            return await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def stop(self) -> None:
        """Stop the components, last started first. None is left afterwards, even if this is cancelled."""
        stopping = asyncio.create_task(self._stop())
        try:
            await asyncio.shield(stopping)
        except asyncio.CancelledError:
            await stopping
            raise

    async def _stop(self) -> None:
        for watcher in self._watchers:
            watcher.cancel()
        for layer in reversed(self._layers):
            await asyncio.gather(*(child.stop() for child in layer))
        self._layers.clear()

    async def _until_ready(self, child: Child) -> None:
        await child.until_ready()
        self._on_ready(child.component.name)

    async def _watch(self, child: Child) -> None:
        failure = await child.ended()
        if not self._failed.done():
            self._failed.set_result(failure)
