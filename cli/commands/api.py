"""`medpay api`: serves the HTTP API."""

import typer
import uvicorn

from api.access.keys import UnsafeSettingsError
from api.app import create_app
from api.web.server import server_config
from cli.configuration import WRONG_USE, CommandError, read_hospitals, read_keyring, read_settings
from security.logs import configure_logging

app = typer.Typer()

CANNOT_SERVE = 3
"""uvicorn's own exit code if it can't start; its log says why."""


@app.command()
def api() -> None:
    """Serve the HTTP API at MEDPAY_API_HOST:MEDPAY_API_PORT until SIGTERM; calls in progress are still answered."""
    settings = read_settings()
    configure_logging(settings.log_level, "api")
    read_keyring(settings, read_hospitals(settings))
    try:
        application = create_app(settings)
    except UnsafeSettingsError as error:
        raise CommandError(str(error), exit_code=WRONG_USE) from None
    server = uvicorn.Server(server_config(application, settings))
    server.run()
    if not server.started:
        raise typer.Exit(CANNOT_SERVE)
