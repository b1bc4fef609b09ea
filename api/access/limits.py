"""Rate limits: calls per key, and refused calls per client address.

Counted within one process: n API processes allow n times as much.
"""

import ipaddress
import math
import time
from dataclasses import dataclass

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter

from settings import Settings

_IPV6_SITE_BITS = 64
"""A client with one IPv6 address usually controls a whole /64."""


@dataclass(frozen=True)
class Limit:
    """`item` None: no limit."""

    limiter: FixedWindowRateLimiter
    item: RateLimitItem | None

    async def count(self, *who: str) -> int:
        """Count one call. 0 if it is within the limit, else the seconds until the next one will be, rounded up."""
        if self.item is None or await self.limiter.hit(self.item, *who):
            return 0
        return await self._wait_s(*who)

    async def spent(self, *who: str) -> int:
        """As `count`, without counting a call."""
        if self.item is None or await self.limiter.test(self.item, *who):
            return 0
        return await self._wait_s(*who)

    async def _wait_s(self, *who: str) -> int:
        if self.item is None:
            return 0
        stats = await self.limiter.get_window_stats(self.item, *who)
        return max(1, math.ceil(stats.reset_time - time.time()))


class RateLimits:
    """`calls`: per hospital and key. `refusals`: per kind of refusal and `address_of` the client."""

    def __init__(self, settings: Settings) -> None:
        self.calls = _limit(settings.rate_limit_per_minute)
        self.refusals = _limit(settings.refusals_per_minute)


def address_of(host: str | None) -> str:
    """The name that a client's address is counted under."""
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return host or "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        return str(address.ipv4_mapped or ipaddress.ip_network((address, _IPV6_SITE_BITS), strict=False))
    return str(address)


def _limit(per_minute: int) -> Limit:
    """Each limit has its own storage, so that a flood of addresses costs known keys nothing."""
    return Limit(FixedWindowRateLimiter(MemoryStorage()), RateLimitItemPerMinute(per_minute) if per_minute else None)
