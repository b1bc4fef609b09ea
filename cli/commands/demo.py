"""`medpay demo`: real payments on a stack of its own."""

from typing import Annotated

import typer

from cli.demo.run import run_demo
from cli.foreground import run_until_stopped

INTERRUPTED = 130


app = typer.Typer()


@app.command()
def demo(
    *,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the stack up until Ctrl-C, so that its links work.")
    ] = False,
) -> None:
    """Take real payments through the HTTP API on a stack of its own; exit 0 only if each ended as it should."""
    raise typer.Exit(run_until_stopped(run_demo(keep=keep), when_stopped=INTERRUPTED))
