"""The `medpay` command. Each group of commands is imported only when it is used: a simulator needs no FastAPI."""

import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import typer

from cli import terminal
from cli.configuration import CHECK_FAILED, CommandError

COMMANDS = {
    "up": "up",
    "demo": "demo",
    "api": "api",
    "worker": "worker",
    "simulator": "simulator",
    "payments": "payments",
    "notifications": "notifications",
    "review": "review",
    "audit": "audit",
    "keys": "keys",
    "database": "database",
    "search-attributes": "search_attributes",
    "config": "config",
}
"""Command to module in `cli.commands`, each with a Typer application called `app`, in the order of the help."""

PRIVATE = 0o077
"""The umask: what we write, and what our components write, is nobody else's to read."""
SDK_WITH_THREADS = "temporalio.bridge"
HELP = "Medical-insurance payments, each a durable workflow. `make help` lists the usual commands."


def build(arguments: Sequence[str]) -> typer.Typer:
    """The application with the one command that is asked for, or with all of them for the help."""
    app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=HELP)
    app.callback()(lambda: None)  # otherwise Typer makes a single command the application itself
    wanted = arguments[:1] if arguments[:1] and arguments[0] in COMMANDS else COMMANDS
    for name in wanted:
        app.add_typer(importlib.import_module(f"cli.commands.{COMMANDS[name]}").app)
    return app


def main() -> None:
    """Run a command. A failure that the user can act on is printed in its own lines, without a stack trace."""
    os.umask(PRIVATE)
    terminal.prepare()
    try:
        exit_code = _run()
    except BrokenPipeError:
        exit_code = CHECK_FAILED
    _leave(exit_code)


def _run() -> int:
    try:
        build(sys.argv[1:])(prog_name="medpay")
    except CommandError as error:
        for line in error.lines:
            typer.echo(line, err=True)
        return error.exit_code
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _leave(exit_code: int) -> NoReturn:
    """Exit with this code. Skips the interpreter's shutdown if Temporal's SDK is loaded: its threads can abort it.

    Seen in some of many short runs (SIGABRT in PyGILState_Release). By now every loop is closed and every file written.
    """
    terminal.flush()
    if SDK_WITH_THREADS in sys.modules:
        os._exit(exit_code)
    sys.exit(exit_code)
