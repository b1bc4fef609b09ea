"""Rate limits: calls per key, and refused calls per client address.

Counted within one process: n API processes allow n times as much.
"""

import ipaddress
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cachetools import TTLCache

from settings import Settings

WINDOW_S: Final = 60.0
SOURCES_MAX: Final = 5_000
"""Counted at a time. Beyond it the one that was silent longest is forgotten, so that a flood of addresses bounds our
memory and time, and locks nobody out."""

_IPV6_SITE_BITS = 64
"""A client with one IPv6 address usually controls a whole /64."""


@dataclass
class _Window:
    """The minute since a source's first call."""

    ends_at_s: float
    calls: int = 0


class Limit:
    """At most `per_minute` calls of each source, from its first one on; 0: no limit."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._windows: TTLCache[tuple[str, ...], _Window] = TTLCache(SOURCES_MAX, WINDOW_S, clock)

    def count(self, *who: str) -> int:
        """Count one call. 0 if it is within the limit, else the seconds until the next one will be, rounded up."""
        if not self._per_minute:
            return 0
        if wait_s := self.spent(*who):
            return wait_s
        window = self._windows.get(who)
        if window is None:
            window = self._windows[who] = _Window(self._clock() + WINDOW_S)
        window.calls += 1
        return 0

    def spent(self, *who: str) -> int:
        """As `count`, without counting a call."""
        window = self._windows.get(who)
        if window is None or window.calls < self._per_minute:
            return 0
        return max(1, math.ceil(window.ends_at_s - self._clock()))


class RateLimits:
    """`calls`: per hospital and key. `refusals`: per kind of refusal and `address_of` the client."""

    def __init__(self, settings: Settings) -> None:
        # Two, so that a flood of addresses costs known keys nothing.
        self.calls = Limit(settings.rate_limit_per_minute)
        self.refusals = Limit(settings.refusals_per_minute)


def address_of(host: str | None) -> str:
    """The name that a client's address is counted under."""
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return host or "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        return str(address.ipv4_mapped or ipaddress.ip_network((address, _IPV6_SITE_BITS), strict=False))
    return str(address)
