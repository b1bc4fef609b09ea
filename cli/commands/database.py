"""`medpay database`: migrate the records' tables, which `medpay up` does by itself."""

import asyncio

import typer

from cli.configuration import read_settings
from cli.connections import migrate

app = typer.Typer(name="database", no_args_is_help=True, help="The records' tables.")


@app.callback()
def group() -> None:
    """The records' tables."""


@app.command()
def upgrade() -> None:
    """Migrate the tables at MEDPAY_DATABASE_URL to this version, if need be. Run it before api and worker."""
    asyncio.run(migrate(read_settings().database))
    typer.echo("The records' tables are of this version")
