"""`medpay payments`: one payment as our records have it, without personal data or tokens."""

import asyncio
import json
from typing import Annotated, Any

import typer

from cli.configuration import read_settings
from cli.failures import CommandError
from domain.fen import yuan
from domain.steps import PaymentKey
from security.keyring import Keyring
from settings import Settings
from storage.session import Database

app = typer.Typer(name="payments", no_args_is_help=True, help="Payments in our records.")


@app.callback()
def group() -> None:
    """Payments in our records."""
