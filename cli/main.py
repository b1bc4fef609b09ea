"""The `medpay` command. Each group of commands is imported only when it is used: a simulator needs no Temporal SDK."""

import importlib
import sys
from collections.abc import Sequence

import typer

from cli.failures import CommandError

COMMANDS = {
    "up": "up",
    "demo": "demo",
    "api": "api",
    "worker": "worker",
    "simulator": "simulator",
    "payments": "payments",
    "audit": "audit",
    "keys": "keys",
    "database": "database",
    "search-attributes": "search_attributes",
    "config": "config",
}
"""Name to module of `cli.commands`, each with a Typer application called `app`, in the order of the help."""

HELP = "Medical-insurance payments, each one durable workflow. `make help` lists the usual ways in."


def build(arguments: Sequence[str]) -> typer.Typer:
    """The application with the command that is asked for, or with all of them where help must list them."""
    app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=HELP)
    app.callback()(lambda: None)  # keeps a single command a subcommand
    wanted = arguments[:1] if arguments[:1] and arguments[0] in COMMANDS else COMMANDS
    for name in wanted:
        app.add_typer(importlib.import_module(f"cli.commands.{COMMANDS[name]}").app)
    return app


def main() -> None:
    """Run a command. A failure that the user can act on is told in its own lines, never with a stack trace."""
    try:
        build(sys.argv[1:])()
    except CommandError as error:
        for line in error.lines:
            typer.echo(line, err=True)
        sys.exit(error.exit_code)
