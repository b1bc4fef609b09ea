"""`medpay api`: the HTTP API, as a cluster runs it."""

import typer
import uvicorn

from api.app import create_app
from api.auth import UnsafeSettingsError
from api.http_protocol import EnvelopeProtocol
from cli.configuration import read_hospitals, read_settings
from cli.failures import WRONG_USE, CommandError
from cli.keyring_file import read_keyring
from security.logs import configure_logging

app = typer.Typer()

KEEP_ALIVE_S = 75
"""Longer than the idle time of the usual proxies before it, so that they never reuse a connection that just closed."""


@app.command()
def api() -> None:
    """Serve the HTTP API at MEDPAY_API_HOST:MEDPAY_API_PORT until SIGTERM; calls under way get their answer."""
    settings = read_settings()
    configure_logging(settings.log_level, "api")
    read_hospitals(settings)
    read_keyring(settings)
    try:
        application = create_app(settings)
    except UnsafeSettingsError as error:
        raise CommandError(str(error), exit_code=WRONG_USE) from None
    uvicorn.run(
        application,
        host=settings.api_host,
        port=settings.api_port,
        http=EnvelopeProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=settings.sync_wait_s,
    )
