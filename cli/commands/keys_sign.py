"""`medpay keys sign`: the headers of one signed call, for curl and to check another implementation against."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cli.failures import WRONG_USE, CommandError
from security.keys.request_signing import check_secret, signed_headers


class Method(StrEnum):
    GET = "GET"
    POST = "POST"


def sign(
    method: Annotated[Method, typer.Argument(help="Of the call.", case_sensitive=False)],
    target: Annotated[str, typer.Argument(metavar="PATH", help="Path and query, exactly as they will be sent.")],
    secret_file: Annotated[Path, typer.Option(help="File with the key's hmac_secret.")],
    body: Annotated[Path | None, typer.Option(help="File with the body, exactly as it will be sent.")] = None,
) -> None:
    """Print the headers that sign one call; they serve once, for five minutes. For curl: -H @FILE."""
    if not target.startswith("/"):
        raise CommandError("PATH: starts with /, without the server's address", exit_code=WRONG_USE)
    secret = _read("--secret-file", secret_file).decode("utf-8", "replace").strip()
    try:
        check_secret(secret)
    except ValueError as problem:
        raise CommandError(f"--secret-file: {secret_file} {problem}", exit_code=WRONG_USE) from None
    content = b"" if body is None else _read("--body", body)
    for name, value in signed_headers(secret, method.value, target, content).items():
        typer.echo(f"{name}: {value}")


def _read(option: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"{option}: can't read {path}: {error.strerror}", exit_code=WRONG_USE) from None
