"""Refused calls: why, whose key, and how many of them reach the access log. Every one is logged by `report`."""

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
    """Whose key was refused; all empty where the key is unknown."""

    hospital: str = ""
    key_name: str = ""
    role: str = ""


UNKNOWN = Holder()


class AccessRefused(ApiError):
    """A call that is refused before it reaches its route."""

    def __init__(
        self,
        reason: Reason,
        code: ErrorCode,
        message: str,
        holder: Holder = UNKNOWN,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(code, message, retry_after_s=retry_after_s)
        self.reason = reason
        self.holder = holder


def report(request: Request, refused: AccessRefused) -> None:
    """Log a refusal: the key's name and role, the route, the reason and the client's address."""
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
"""The actor recorded for every source beyond the first `SOURCES_MAX` of a minute."""


@dataclass
class _Window:
    access: Access
    begun_at: float
    more: int = 0


class Refusals:
    """Bounds the access log to two records a minute for each source, a client address or a key's name.

    The first refusal is recorded at once; later ones within the minute are counted and recorded together at its end.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._windows: dict[tuple[str, str], _Window] = {}
        """In the order in which they began."""

    def seen(self, refusal: Access) -> list[Access]:
        """Take note of a refusal. What is to be recorded now."""
        due, source = self.due(), (refusal.hospital, refusal.actor)
        if source not in self._windows and len(self._windows) >= SOURCES_MAX:
            source, refusal = ("", OTHERS), replace(refusal, hospital="", actor=OTHERS, role="", subject="")
        if (window := self._windows.get(source)) is not None:
            window.more += 1
            return due
        self._windows[source] = _Window(refusal, self._clock())
        return [*due, refusal]

    def due(self) -> list[Access]:
        """The counts of the minutes that have ended."""
        oldest = self._clock() - WINDOW_S
        over = []
        for source, window in self._windows.items():
            if window.begun_at > oldest:
                break
            over.append(source)
        return self._closed(over)

    def rest(self) -> list[Access]:
        """The counts of the minutes still open, for a process that is shutting down."""
        return self._closed(list(self._windows))

    def _closed(self, sources: list[tuple[str, str]]) -> list[Access]:
        windows = [self._windows.pop(source) for source in sources]
        return [_count_of(window) for window in windows if window.more]


def _count_of(window: _Window) -> Access:
    """How many more refusals followed the first one, whatever they asked for."""
    return replace(window.access, subject="", details={"more": window.more})
