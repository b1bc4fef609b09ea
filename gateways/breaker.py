"""A breaker: when a party leaves call after call unanswered, the next ones fail at once instead of hanging too.

docs/decisions/bulkheads.md says why it is our own.
"""

import random
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum

from domain.errors import NotSent, RemoteCallError, Unknown

FAILURES_MAX = 5
FAILURES_WITHIN_S = 30.0
"""So many failures in a row within this time open a breaker."""

PAUSE_S_MIN = 5.0
PAUSE_S_MAX = 30.0
"""How long an open breaker waits before its next probe: doubled by each probe that fails."""

RETRY_S_MIN = 0.5
RETRY_S_MAX = 5.0
_JITTER = 0.25

Clock = Callable[[], float]
"""Seconds that only go forward, such as `time.monotonic`."""


class BreakerState(StrEnum):
    """HALF_OPEN: one call, the probe, is under way; its outcome closes the breaker or opens it again."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """The breaker of one transaction. `changed`: told of every change of state, after it.

    A failure is a call that was not sent, or whose outcome is unknown and unanswered. Any answer closes the breaker,
    also a refusal, or one that can't be read, and also that of a call which left before it opened.
    """

    def __init__(self, changed: Callable[["Breaker"], None], clock: Clock = time.monotonic) -> None:
        self.state = BreakerState.CLOSED
        self.since = datetime.now(UTC)
        self.pause_s = PAUSE_S_MIN
        self._changed = changed
        self._clock = clock
        self._failed_at_s: deque[float] = deque(maxlen=FAILURES_MAX)
        self._probe_at_s = 0.0
        """While open: when the next probe may leave. While half-open: when it left."""

    def holds_back_s(self) -> float | None:
        """How long a call should wait before it tries again, in seconds. None: it may leave."""
        now_s = self._clock()
        match self.state:
            case BreakerState.OPEN if now_s < self._probe_at_s:
                return jittered(self._probe_at_s - now_s)
            case BreakerState.HALF_OPEN:
                return as_long_again(now_s - self._probe_at_s)
        return None

    @contextmanager
    def judging(self) -> Iterator[None]:
        """The block is a call that `holds_back_s` let through; its outcome is counted."""
        is_probe = self.state is BreakerState.OPEN
        if is_probe:
            self._probe_at_s = self._clock()
            self._become(BreakerState.HALF_OPEN)
        try:
            yield
        except RemoteCallError as error:
            if isinstance(error, NotSent) or (isinstance(error, Unknown) and not error.answered):
                self._failed(is_probe=is_probe)
            else:
                self._answered()
            raise
        except BaseException:
            # Cancelled: that says nothing of the party. The next call is the probe.
            if is_probe and self.state is BreakerState.HALF_OPEN:
                self._become(BreakerState.OPEN)
            raise
        self._answered()

    def _answered(self) -> None:
        self._failed_at_s.clear()
        if self.state is not BreakerState.CLOSED:
            self.pause_s = PAUSE_S_MIN
            self._become(BreakerState.CLOSED)

    def _failed(self, *, is_probe: bool) -> None:
        now_s = self._clock()
        if self.state is BreakerState.CLOSED:
            self._failed_at_s.append(now_s)
            often = len(self._failed_at_s) == FAILURES_MAX
            if often and now_s - self._failed_at_s[0] <= FAILURES_WITHIN_S:
                self._open(now_s)
        elif is_probe and self.state is BreakerState.HALF_OPEN:
            self.pause_s = min(2 * self.pause_s, PAUSE_S_MAX)
            self._open(now_s)

    def _open(self, now_s: float) -> None:
        self._failed_at_s.clear()
        self._probe_at_s = now_s + self.pause_s
        self._become(BreakerState.OPEN)

    def _become(self, state: BreakerState) -> None:
        self.state, self.since = state, datetime.now(UTC)
        self._changed(self)


def as_long_again(waited_s: float) -> float:
    """When to look again at something that others have waited for so long: later and later, but within limits."""
    return jittered(min(max(waited_s, RETRY_S_MIN), RETRY_S_MAX))


def jittered(delay_s: float) -> float:
    """`delay_s` and up to a quarter more, so that those who were held back together do not come back together."""
    return delay_s * random.uniform(1, 1 + _JITTER)  # noqa: S311 - no secret
