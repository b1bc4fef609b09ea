"""Prometheus metrics of the HTTP edge. Labels are few and closed: no payment, no person, no path as it was sent."""

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 60.0)


class HttpMetrics:
    """Requests by route template, method, status and error code; durations by route template, in seconds."""

    def __init__(self) -> None:
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

    def observe(self, route: str, method: str, status: int, code: str, duration_s: float) -> None:
        """Count one request. `code`: its X-Error-Code, empty where it went well."""
        method = method if method in _METHODS else "OTHER"
        self._requests.labels(route, method, str(status), code).inc()
        self._durations.labels(route).observe(duration_s)

    def text(self) -> bytes:
        """All of them, in Prometheus's text format."""
        return generate_latest(self._registry)
