"""Admission by the backlog: calls that this process could only answer late are refused at once.

The backlog is the calls not answered yet, except those that have waited longer than an answer takes us: they wait for
a centre or for HIS, as does the next call about the same payment. So a silent centre does not shut out what needs only
us. How long an answer takes us is learned from the calls that succeed. Calls that share an answer count once.
"""

import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from itertools import count
from typing import Final

from api.web.errors import ApiError
from domain.base import PaymentKey
from domain.errors import ErrorCode, PaymentError

YOUNG_S_MIN: Final = 2.0
YOUNG_S_MAX: Final = 10.0
YOUNG_FACTOR: Final = 3
"""A call is young until it has taken this many times as long as the faster quarter of those that succeeded."""
LEARNED_FROM: Final = 64
"""The newest successful calls."""
RETRY_AFTER_S: Final = 1
SLOW_MAX: Final = 10_000
"""Payments remembered whose last call took long; the oldest is forgotten, and counts again."""


class Urgency(IntEnum):
    """How many times the setting's number of calls may be waiting before one of this kind is refused."""

    NEW_PAYMENT = 1
    """A pre-settlement: nothing has been paid yet."""
    UNDER_WAY = 4
    """Settle, cancel and 6302: money may have moved, so these are refused only when nothing else is left to refuse."""


class Admission:
    """`at_once`: `MEDPAY_CALLS_AT_ONCE`; 0: no limit."""

    def __init__(self, at_once: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._at_once = at_once
        self._clock = clock
        self._serials = count()
        self._taken: dict[int, tuple[float, str]] = {}
        """Calls in flight in the order in which they came: when, and whose."""
        self._took_s: deque[float] = deque(maxlen=LEARNED_FROM)
        self._slow: OrderedDict[PaymentKey, None] = OrderedDict()

    @contextmanager
    def admitted(self, key: PaymentKey, urgency: Urgency) -> Iterator[None]:
        """While one call about this payment is being answered. Raises `ApiError` RATE_LIMITED.

        A hospital with fewer calls than its even share of the limit is admitted also beyond it.
        """
        serial, taken_at = next(self._serials), self._clock()
        payment = PaymentKey(hospital=key.hospital, med_org_ord=key.med_org_ord)
        if payment not in self._slow:
            self._check_room(key.hospital, self._at_once * urgency)
            self._taken[serial] = (taken_at, key.hospital)
        try:
            yield
        except PaymentError:
            if self._clock() - taken_at > self._young_s():
                self._remember(payment)
            raise
        else:
            self._took_s.append(self._clock() - taken_at)
            self._slow.pop(payment, None)
        finally:
            self._taken.pop(serial, None)

    def backlog(self) -> int:
        """How many calls wait for us."""
        return self._young().total()

    def _remember(self, payment: PaymentKey) -> None:
        self._slow[payment] = None
        self._slow.move_to_end(payment)
        if len(self._slow) > SLOW_MAX:
            self._slow.popitem(last=False)

    def _check_room(self, hospital: str, limit: int) -> None:
        young = self._young()
        if limit and young.total() >= limit and young[hospital] * len({*young, hospital}) >= limit:
            raise ApiError(ErrorCode.RATE_LIMITED, "支付服务繁忙, 请稍后用同一订单号重试", retry_after_s=RETRY_AFTER_S)

    def _young(self) -> Counter[str]:
        """By hospital. Looks at the newest first, so that calls which wait for long cost nothing."""
        since, young = self._clock() - self._young_s(), Counter[str]()
        for taken_at, hospital in reversed(self._taken.values()):
            if taken_at < since:
                break
            young[hospital] += 1
        return young

    def _young_s(self) -> float:
        if not self._took_s:
            return YOUNG_S_MIN
        fast_s = sorted(self._took_s)[len(self._took_s) // 4]
        return min(max(YOUNG_S_MIN, YOUNG_FACTOR * fast_s), YOUNG_S_MAX)
