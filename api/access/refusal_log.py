"""Refused keys, counted: a flood of them must not grow the log of access without limit."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from security.access_log import Access

WINDOW_S = 60.0
SOURCES_MAX = 100
OTHERS = "others"
"""Stands for every source beyond the first `SOURCES_MAX` of a minute."""


@dataclass
class _Window:
    access: Access
    begun_at: float
    more: int = 0


class Refusals:
    """From each source (an address, or a key by name) at most two records a minute, which tell all of its refusals.

    The first is recorded at once; those that follow within its minute are counted and recorded together after it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._windows: dict[tuple[str, str], _Window] = {}
        """In the order in which they began."""

    def seen(self, refusal: Access) -> list[Access]:
        """What is to be recorded now."""
        due, source = self.due(), (refusal.hospital, refusal.actor)
        if source not in self._windows and len(self._windows) >= SOURCES_MAX:
            source, refusal = ("", OTHERS), replace(refusal, hospital="", actor=OTHERS, role="", subject="")
        if (window := self._windows.get(source)) is not None:
            window.more += 1
            return due
        self._windows[source] = _Window(refusal, self._clock())
        return [*due, refusal]

    def due(self) -> list[Access]:
        """The counts of the minutes that are over."""
        oldest = self._clock() - WINDOW_S
        over = []
        for source, window in self._windows.items():
            if window.begun_at > oldest:
                break
            over.append(source)
        return self._closed(over)

    def rest(self) -> list[Access]:
        """The counts of the minutes that are not over: nothing more will come."""
        return self._closed(list(self._windows))

    def _closed(self, sources: list[tuple[str, str]]) -> list[Access]:
        windows = [self._windows.pop(source) for source in sources]
        return [_count_of(window) for window in windows if window.more]


def _count_of(window: _Window) -> Access:
    """How many followed: whatever they asked for."""
    return replace(window.access, subject="", details={"more": window.more})
