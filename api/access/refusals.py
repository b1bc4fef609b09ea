"""Who was not let in, and why: every refusal of a key passes through `report`."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import structlog
from fastapi import Request

from api.web.errors import ApiError
from api.web.trace import route_template, trace_of
from domain.errors import ErrorCode
from security.access_log import Access

logger = structlog.get_logger(__name__)


class Reason(StrEnum):
    NO_KEY = "no_key"
    UNKNOWN_KEY = "unknown_key"
    EXPIRED_KEY = "expired_key"
    WRONG_ROLE = "wrong_role"
    UNSIGNED = "unsigned"
    BAD_SIGNATURE = "bad_signature"
    STALE_SIGNATURE = "stale_signature"
    REPLAYED = "replayed"
    TOO_MANY_CALLS = "too_many_calls"
    TOO_MANY_REFUSALS = "too_many_refusals"


@dataclass(frozen=True)
class Holder:
    """Whose key it is. All is empty where nobody is known."""

    hospital: str = ""
    key_name: str = ""
    role: str = ""


NOBODY = Holder()


class AccessRefused(ApiError):
    """A call that is not let in."""

    def __init__(
        self,
        reason: Reason,
        code: ErrorCode,
        message: str,
        holder: Holder = NOBODY,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(code, message, retry_after_s=retry_after_s)
        self.reason = reason
        self.holder = holder


def report(request: Request, refused: AccessRefused) -> None:
    """The one place where refusals are known: key's name, role, route, reason, and where the call came from."""
    trace, holder = trace_of(request.scope), refused.holder
    trace.hospital, trace.key_name, trace.role = holder.hospital, holder.key_name, holder.role
    logger.warning(
        "access_refused",
        reason=refused.reason.value,
        hospital=holder.hospital,
        key_name=holder.key_name,
        role=holder.role,
        method=request.method,
        route=route_template(request.scope),
        client=request.client.host if request.client else "",
    )


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
