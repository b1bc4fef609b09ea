"""`medpay simulator`: simulates the insurance centre or HIS, for practice."""

from pathlib import Path
from typing import Annotated

import typer
from aiohttp import web
from pydantic import ValidationError

from cli.configuration import WRONG_USE, CommandError, read_settings
from cli.stack.practice import CENTRE_FILE
from domain.values.written import text_of
from simulator.core.server import run
from simulator.his.server import build_app as build_his
from simulator.insurance.config import CentreConfig
from simulator.insurance.server import build_app as build_centre

app = typer.Typer(name="simulator", no_args_is_help=True, help="The insurance centre and HIS, simulated.")

Host = Annotated[str, typer.Option(help="Address to bind to. Control calls need no key: use a private network only.")]
Port = Annotated[int | None, typer.Option(help="TCP port; the setting's by default.")]
DatabaseFile = Annotated[
    Path | None, typer.Option("--database", help="Its state (SQLite); in MEDPAY_DATA_DIR by default.")
]
LOOPBACK = "127.0.0.1"
_CENTRE_DATABASE, _HIS_DATABASE = "simulator-insurance.db", "simulator-his.db"


@app.callback()
def group() -> None:
    """The insurance centre and HIS, simulated."""


@app.command()
def insurance(
    config: Annotated[
        Path | None, typer.Option(help="Its keys and profile (JSON); in MEDPAY_DATA_DIR by default.")
    ] = None,
    database: DatabaseFile = None,
    host: Host = LOOPBACK,
    port: Port = None,
) -> None:
    """Run the insurance centre's simulator until SIGTERM, at MEDPAY_SIM_INSURANCE_PORT by default."""
    if config is None or database is None or port is None:
        settings = read_settings()
        config, database = config or settings.data_dir / CENTRE_FILE, database or settings.data_dir / _CENTRE_DATABASE
        port = port or settings.sim_insurance_port
    _serve(build_centre(_read_config(config), database), host, port)


@app.command()
def his(database: DatabaseFile = None, host: Host = LOOPBACK, port: Port = None) -> None:
    """Run HIS's simulator until SIGTERM, at MEDPAY_SIM_HIS_PORT by default."""
    if database is None or port is None:
        settings = read_settings()
        database, port = database or settings.data_dir / _HIS_DATABASE, port or settings.sim_his_port
    _serve(build_his(database), host, port)


def _serve(application: web.Application, host: str, port: int) -> None:
    try:
        run(application, host, port)
    except OSError as error:
        raise CommandError(f"can't listen on {host}:{port}: {error.strerror}") from None


def _read_config(path: Path) -> CentreConfig:
    try:
        text = text_of(path.read_bytes())
    except OSError as error:
        raise CommandError(f"--config: can't read {path}: {error.strerror}", exit_code=WRONG_USE) from None
    except ValueError as error:
        raise CommandError(f"--config: {path} {error}", exit_code=WRONG_USE) from None
    try:
        return CentreConfig.model_validate_json(text)
    except ValidationError as invalid:
        problem = invalid.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in problem["loc"])
        raise CommandError(f"--config: {path}: {key}: {problem['msg']}", exit_code=WRONG_USE) from None
