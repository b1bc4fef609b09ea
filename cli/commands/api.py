"""`medpay api`: the HTTP API, as a cluster runs it."""

import typer
import uvicorn

from api.app import create_app
from cli.configuration import read_hospitals, read_settings, refuse_open_door

app = typer.Typer()

KEEP_ALIVE_S = 75
"""Longer than the idle time of the usual proxies before it, so that they never reuse a connection that just closed."""


@app.command()
def api() -> None:
    """Serve the HTTP API at MEDPAY_API_HOST:MEDPAY_API_PORT until SIGTERM; calls under way get their answer."""
    settings = read_settings()
    refuse_open_door(settings, read_hospitals(settings))
    uvicorn.run(
        create_app(settings),
        host=settings.api_host,
        port=settings.api_port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=settings.sync_wait_s,
    )
