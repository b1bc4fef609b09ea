"""`medpay config`: is what was written down usable?"""

import json
from typing import Annotated

import typer

from cli.configuration import read_hospitals, read_settings, refuse_open_door
from cli.failures import CommandError

app = typer.Typer(name="config", no_args_is_help=True, help="Settings and hospitals.")


@app.callback()
def group() -> None:
    """Settings and hospitals."""


@app.command()
def check(*, as_json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False) -> None:
    """Check the settings and the hospitals file. Every error stands on its own line, with the file's line; exit 1."""
    try:
        settings = read_settings()
        hospitals = read_hospitals(settings)
        refuse_open_door(settings, hospitals)
    except CommandError as error:
        if as_json:
            typer.echo(json.dumps({"ok": False, "errors": error.lines}, ensure_ascii=False))
            raise typer.Exit(1) from None
        raise CommandError(*error.lines) from None
    names = list(hospitals)
    if as_json:
        typer.echo(json.dumps({"ok": True, "hospitals": names}))
    else:
        typer.echo(f"OK: {settings.hospitals_path}, {len(names)} hospital(s): {', '.join(names)}")
