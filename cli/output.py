"""What commands print, and the options that decide it."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import typer

from domain.values.china_time import to_china

AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]
Hospital = Annotated[str | None, typer.Option(help="The hospital; MEDPAY_HOSPITAL by default.")]


def echo_json(value: object) -> None:
    """Print one line of JSON, Chinese as it is."""
    typer.echo(json.dumps(value, ensure_ascii=False))


def echo_row(fields: Mapping[str, Any]) -> None:
    """Print the values that are not empty on one line."""
    typer.echo("  ".join(str(value) for value in fields.values() if value not in (None, "")))


def local_time(moment: datetime | None) -> str | None:
    """`yyyy-MM-dd HH:mm:ss` in UTC+8."""
    return to_china(moment) if moment else None
