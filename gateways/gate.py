"""What stands between a hospital's calls and one of its parties: a bulkhead, and a breaker for each transaction.

docs/decisions/bulkheads.md
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any

import structlog

from domain.errors import NotSent
from gateways.breaker import Breaker, BreakerState, Clock, as_long_again
from gateways.http import JsonPoster, JsonReply
from security.tls import ClientTls

logger = structlog.get_logger(__name__)


class Party(StrEnum):
    CENTRE = "centre"
    HIS = "his"


@dataclass(frozen=True)
class BreakerShown:
    """A breaker as operators see it. `since`: when it came into this state."""

    party: Party
    hospital: str
    transaction: str
    state: BreakerState
    since: datetime


@dataclass(eq=False)
class _Call:
    transaction: str
    left_at_s: float


class Gate:
    """A hospital's way to one of its parties.

    At most `calls_at_once_max` calls are under way there, three quarters of them of the same transaction, so that one
    that hangs leaves room for the questions about it. What finds no room, or an open breaker, fails at once.
    """

    def __init__(
        self, http: JsonPoster, party: Party, hospital: str, calls_at_once_max: int, clock: Clock = time.monotonic
    ) -> None:
        self._http = http
        self._party = party
        self._hospital = hospital
        self._calls_max = calls_at_once_max
        self._same_max = max(1, calls_at_once_max * 3 // 4)
        self._clock = clock
        self._under_way: dict[_Call, None] = {}
        self._breakers: dict[str, Breaker] = {}
        self._is_full = False

    async def post_json(
        self,
        transaction: str,
        url: str,
        body: bytes | dict[str, Any],
        timeout_s: float,
        tls: ClientTls | None = None,
    ) -> JsonReply:
        """`HttpCaller.post_json`. Also raises `NotSent`, with its `retry_after_s`, for what may not leave now."""
        breaker = self._breaker(transaction)
        if (wait_s := breaker.holds_back_s()) is not None:
            raise NotSent(transaction, "对方系统多次未答复, 暂停调用, 请求未发出", retry_after_s=wait_s)
        with self._slot(transaction), breaker.judging():
            return await self._http.post_json(transaction, url, body, timeout_s, tls)

    def states(self) -> list[BreakerShown]:
        """The breaker of every transaction that was ever called."""
        return [
            BreakerShown(self._party, self._hospital, transaction, breaker.state, breaker.since)
            for transaction, breaker in self._breakers.items()
        ]

    def _breaker(self, transaction: str) -> Breaker:
        if transaction not in self._breakers:
            self._breakers[transaction] = Breaker(partial(self._log, transaction), self._clock)
        return self._breakers[transaction]

    def _log(self, transaction: str, breaker: Breaker) -> None:
        logger.warning(
            "breaker_changed",
            party=self._party,
            hospital=self._hospital,
            transaction=transaction,
            state=breaker.state,
            pause_s=breaker.pause_s,
        )

    @contextmanager
    def _slot(self, transaction: str) -> Iterator[None]:
        """Raises `NotSent` if there is none."""
        self._check_room(transaction)
        call = _Call(transaction, self._clock())
        self._under_way[call] = None
        try:
            yield
        finally:
            del self._under_way[call]
            self._is_full = self._is_full and len(self._under_way) > self._calls_max // 2

    def _check_room(self, transaction: str) -> None:
        same = [call for call in self._under_way if call.transaction == transaction]
        if len(same) >= self._same_max:
            oldest = same[0]
        elif len(self._under_way) >= self._calls_max:
            oldest = next(iter(self._under_way))
        else:
            return
        if not self._is_full:
            self._is_full = True
            logger.warning("gate_full", party=self._party, hospital=self._hospital, transaction=transaction)
        wait_s = as_long_again(self._clock() - oldest.left_at_s)
        raise NotSent(transaction, "对方系统在途调用已满, 请求未发出", retry_after_s=wait_s)
