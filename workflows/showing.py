"""What operators find a payment by in Temporal: most states at once, a state that mostly passes only if it lasts."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate

from domain.base import for_operators

Updates = Sequence[SearchAttributeUpdate[Any]]


class Showing:
    """One writer of a workflow's search attributes."""

    def __init__(self) -> None:
        self._waiting: Updates = ()
        self._clock: asyncio.Task[None] | None = None

    def now(self, updates: Updates) -> None:
        """Show it, and before it what still waits to be shown: of one attribute the later value stands."""
        if self._clock is not None:
            self._clock.cancel()
        self._show(updates)

    def if_it_lasts(self, updates: Updates, at_least: timedelta) -> None:
        """Show it after `at_least`, or with what is shown before then."""
        self._waiting = updates
        self._clock = asyncio.create_task(self._after(at_least))

    async def _after(self, at_least: timedelta) -> None:
        await workflow.sleep(at_least, summary=for_operators("状态持续则显示 (shown if it lasts)"))
        self._show(())

    def _show(self, updates: Updates) -> None:
        latest = {update.key.name: update for update in (*self._waiting, *updates)}
        self._waiting, self._clock = (), None
        workflow.upsert_search_attributes(list(latest.values()))
