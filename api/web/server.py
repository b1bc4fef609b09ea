"""The API on uvicorn, as it is served everywhere: within limits, without a banner, over TLS if it has a certificate."""

from fastapi import FastAPI
from uvicorn import Config

from api.web.protocol import BoundedHttpProtocol
from settings import Settings

KEEP_ALIVE_S = 75
"""Longer than the idle time of the usual proxies before it, so that they never reuse a connection that just closed."""


def server_config(application: FastAPI, settings: Settings) -> Config:
    """What uvicorn runs."""
    tls = settings.api_tls
    limits = {
        "request_timeout_s": settings.request_timeout_s,
        # Above everything that a call waits for by itself, so that it ends only what is stuck.
        "answer_timeout_s": settings.sync_wait_s + 2 * settings.request_timeout_s,
    }
    protocol = type("Protocol", (BoundedHttpProtocol,), limits)
    return Config(
        application,
        host=settings.api_host,
        port=settings.api_port,
        http=protocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=settings.sync_wait_s,
        ssl_certfile=tls.cert if tls else None,
        ssl_keyfile=tls.key if tls else None,
    )
