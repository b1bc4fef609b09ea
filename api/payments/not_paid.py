"""Slows down callers that keep asking "paid yet?": Temporal takes at most 2,000 updates per workflow."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from domain.base import PaymentKey
from domain.errors import PaymentError

FREE_ANSWERS: Final = 20
"""After this many NOT_PAID answers a payment's workflow is asked at most once in `INTERVAL_S`."""
INTERVAL_S: Final = 2.0
PAYMENTS_MAX: Final = 10_000
"""Payments remembered; the one asked for longest ago is forgotten, which costs it one more update."""


@dataclass
class _Asked:
    answers: int
    asked_at_s: float
    last: PaymentError


class NotPaidBrake:
    """Counts NOT_PAID answers per payment, within one process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asked: OrderedDict[PaymentKey, _Asked] = OrderedDict()

    def held_back(self, key: PaymentKey) -> PaymentError | None:
        """The last answer, if it is too early to ask the workflow again."""
        asked = self._asked.get(key)
        if asked is None or asked.answers < FREE_ANSWERS or self._clock() - asked.asked_at_s >= INTERVAL_S:
            return None
        return asked.last

    def note(self, key: PaymentKey, answer: PaymentError) -> None:
        """Count a NOT_PAID answered just now."""
        earlier = self._asked.pop(key, None)
        answers = earlier.answers if earlier else 0
        self._asked[key] = _Asked(answers + 1, self._clock(), answer)
        if len(self._asked) > PAYMENTS_MAX:
            self._asked.popitem(last=False)

    def forget(self, key: PaymentKey) -> None:
        """The payment has moved on."""
        self._asked.pop(key, None)
