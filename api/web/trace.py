"""Around every request: its id, one log line, its metrics, and the last-resort handler of unexpected errors.

Logged: request id, route, status, error code, duration, hospital, key name, medOrgOrd. Never a body, a query or a
header's value.
"""

import math
import re
import time
import traceback
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.web.envelope import INTERNAL, REQUEST_ID_HEADER, failure

logger = structlog.get_logger(__name__)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 60.0)
UNMATCHED = "unmatched"
CLIENT_GONE = 499
"""The status logged where the caller hung up before it was answered; nothing is sent."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_TRACE = "medpay.trace"
_FRAMES_LOGGED = 6
_INTERNAL_MESSAGE = "支付服务内部错误, 请用同一订单号重试; 如仍失败请提供响应头中的X-Request-Id"


@dataclass
class RequestTrace:
    """What is known about a request, filled in along the way."""

    request_id: str
    hospital: str = ""
    key_name: str = ""
    role: str = ""
    med_org_ord: str = ""
    proposal: str = ""
    error_code: str = ""
    status: int = CLIENT_GONE


def trace_of(scope: Scope) -> RequestTrace:
    """The trace of this request."""
    trace: RequestTrace = scope[_TRACE]
    return trace


def log_failure(event: str, error: BaseException) -> None:
    """Log an error's type and innermost frames, without its text, which may hold SQL or personal data."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES_LOGGED:]
    where = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
    logger.error(event, error=type(error).__name__, where=where)


class HttpMetrics:
    """Requests by route template, method, status and error code; durations by route template, in seconds.

    `backlog`: how many calls wait for us now.
    """

    def __init__(self, backlog: Callable[[], float]) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "medpay_http_requests",
            "HTTP requests answered",
            ("route", "method", "status", "code"),
            registry=self._registry,
        )
        self._durations = Histogram(
            "medpay_http_request_duration_seconds",
            "Time from a request's first byte to the end of its answer",
            ("route",),
            buckets=_BUCKETS_S,
            registry=self._registry,
        )

        waiting = Gauge("medpay_http_backlog", "Calls that wait for us", registry=self._registry)
        waiting.set_function(backlog)
        self._refused = Gauge(
            "medpay_temporal_payloads_refused",
            "Payloads found in Temporal that we had not sealed, since the records began",
            registry=self._registry,
        )

    def observe(self, route: str, method: str, status: int, code: str, duration_s: float) -> None:
        """Count one request. `code`: its X-Error-Code, empty for a success."""
        method = method if method in _METHODS else "OTHER"
        self._requests.labels(route, method, str(status), code).inc()
        self._durations.labels(route).observe(duration_s)

    def text(self, refused: int | None) -> bytes:
        """All metrics in Prometheus's text format. `refused`: payloads of Temporal's; None: not known now."""
        self._refused.set(math.nan if refused is None else refused)
        return generate_latest(self._registry)


class RequestTracing:
    """ASGI middleware; must be outside of everything that can fail."""

    def __init__(self, app: ASGIApp, metrics: HttpMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        trace = RequestTrace(_request_id(Headers(scope=scope)))
        scope[_TRACE] = trace
        started = time.perf_counter()
        try:
            await self._answer(scope, receive, send, trace)
        finally:
            self._account(scope, trace, time.perf_counter() - started)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, trace: RequestTrace) -> None:
        answering = False

        async def send_traced(message: Message) -> None:
            nonlocal answering
            if message["type"] == "http.response.start":
                answering = True
                trace.status = int(message["status"])
                MutableHeaders(scope=message)[REQUEST_ID_HEADER] = trace.request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=trace.request_id):
            try:
                await self._app(scope, receive, send_traced)
            except ClientDisconnect:
                return
            except Exception as error:  # noqa: BLE001 - the last resort: no stack trace may leave
                log_failure("unforeseen", error)
                trace.error_code = INTERNAL
                if not answering:
                    reply = failure(trace.error_code, _INTERNAL_MESSAGE, HTTPStatus.INTERNAL_SERVER_ERROR)
                    await reply(scope, receive, send_traced)

    def _account(self, scope: Scope, trace: RequestTrace, duration_s: float) -> None:
        route = route_template(scope)
        self._metrics.observe(route, scope["method"], trace.status, trace.error_code, duration_s)
        logger.info(
            "request",
            request_id=trace.request_id,
            method=scope["method"],
            route=route,
            status=trace.status,
            error_code=trace.error_code,
            duration_ms=round(duration_s * 1000),
            hospital=trace.hospital,
            key_name=trace.key_name,
            medOrgOrd=trace.med_org_ord,
        )


def _request_id(headers: Headers) -> str:
    """The caller's own if it is well-formed, so that both logs can be matched; else a new one."""
    given = headers.get(REQUEST_ID_HEADER, "")
    return given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def route_template(scope: Scope) -> str:
    """Such as `/api/v1/payments/{medOrgOrd}`: never the path itself, which contains ids."""
    route: Any = scope.get("route")
    return getattr(route, "path", "") or UNMATCHED
