"""`medpay keys`: make the secrets that a hospital needs, on its own machine."""

import hashlib
import json
import secrets
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cli.access_log import record_key_work
from cli.commands import keyring
from cli.configuration import WRONG_USE, CommandError
from domain.values.written import bare, text_of
from hospitals import Role
from security.access_log import AccessEvent
from security.crypto import sm
from security.crypto.gcm import SealCipher
from security.crypto.keyring import Keyring
from security.keys.files import write_over
from security.keys.signing import check_signing_secret, new_signing_secret, new_webhook_secret, signed_headers

app = typer.Typer(name="keys", no_args_is_help=True, help="Keys of hospitals, callers and records.")


class Kind(StrEnum):
    HOSPITAL = "hospital"
    CALLER = "caller"
    KEYRING = "keyring"
    WEBHOOK = "webhook"
    SIGNING = "signing"


class Method(StrEnum):
    GET = "GET"
    POST = "POST"


@app.callback()
def group() -> None:
    """Keys of hospitals, callers and records."""


@app.command()
def sign(
    method: Annotated[Method, typer.Argument(help="The call's HTTP method.", case_sensitive=False)],
    target: Annotated[str, typer.Argument(metavar="PATH", help="Path and query, exactly as they will be sent.")],
    secret_file: Annotated[Path, typer.Option(help="File with the key's hmac_secret.")],
    body: Annotated[Path | None, typer.Option(help="File with the body, exactly as it will be sent.")] = None,
) -> None:
    """Print the headers that sign one call; they serve once, for five minutes. For curl: -H @FILE."""
    if not target.startswith("/"):
        raise CommandError("PATH: starts with /, without the server's address", exit_code=WRONG_USE)
    content = _read("--secret-file", secret_file)
    try:
        secret = bare(text_of(content))
        check_signing_secret(secret)
    except ValueError as problem:
        raise CommandError(f"--secret-file: {secret_file} {problem}", exit_code=WRONG_USE) from None
    sent = b"" if body is None else _read("--body", body)
    for name, value in signed_headers(secret, method.value, target, sent).items():
        typer.echo(f"{name}: {value}")


@app.command()
def new(
    kind: Annotated[
        Kind,
        typer.Argument(
            help="hospital: SM2 key pair; caller: API key; keyring: seals data at rest; webhook: signs webhooks; "
            "signing: signs a caller's calls."
        ),
    ],
    output: Annotated[Path | None, typer.Option(help="File for the secret, mode 600 (all but caller).")] = None,
    name: Annotated[str, typer.Option(help="The caller's or person's name.")] = "wechat-backend",
    role: Annotated[Role, typer.Option(help="What the caller may do.")] = Role.CALLER,
    cipher: Annotated[SealCipher, typer.Option(help="The cipher of the keyring's first key.")] = SealCipher.SM4,
) -> None:
    """Make a key. Secrets go to the file; public keys and lines to paste into other files are printed."""
    if kind is Kind.CALLER:
        _new_caller(name, role)
        record_key_work(AccessEvent.CLI_KEY_MADE, kind=kind.value, name=name, role=role.value)
        return
    if output is None:
        raise CommandError("--output: name the file that the secret goes to", exit_code=WRONG_USE)
    if output.exists():
        raise CommandError(f"--output: {output} exists; a key is never overwritten", exit_code=WRONG_USE)
    try:
        if kind is Kind.KEYRING:
            Keyring.generate(cipher).save(output)
        else:
            _MAKERS[kind](output)
    except OSError as error:
        raise CommandError(f"--output: can't write {output}: {error.strerror}") from None
    typer.echo(f"Secret in {output}")
    record_key_work(AccessEvent.CLI_KEY_MADE, kind=kind.value, file=output.name)


def _new_hospital(output: Path) -> None:
    pair = sm.generate_key_pair()
    write_over(output, pair.private_key_b64 + "\n")
    typer.echo(f"Public key, for the insurance centre: {pair.public_key_b64}")


def _new_webhook(output: Path) -> None:
    write_over(output, new_webhook_secret() + "\n")
    typer.echo("For the hospitals file, where that is beside it; the receiver needs the secret itself:")
    typer.echo(f'[hospitals.MY_HOSPITAL.webhook]\nurl = "https://…"\nsecret = {json.dumps(f"file:{output.name}")}')


def _new_signing(output: Path) -> None:
    write_over(output, new_signing_secret() + "\n")
    typer.echo("For the caller's [[hospitals.MY_HOSPITAL.keys]], where that is beside it; the caller needs it too:")
    typer.echo(f"hmac_secret = {json.dumps(f'file:{output.name}')}")


_MAKERS = {Kind.HOSPITAL: _new_hospital, Kind.WEBHOOK: _new_webhook, Kind.SIGNING: _new_signing}


def _new_caller(name: str, role: Role) -> None:
    key = secrets.token_urlsafe(32)
    typer.echo(f"Key, to be given to {name} and kept nowhere else: {key}")
    typer.echo("For the hospitals file:")
    typer.echo(f'[[hospitals.MY_HOSPITAL.keys]]\nname = {json.dumps(name)}\nrole = "{role}"')
    typer.echo(f'sha256 = "{hashlib.sha256(key.encode("ascii")).hexdigest()}"')


def _read(option: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"{option}: can't read {path}: {error.strerror}", exit_code=WRONG_USE) from None


for command in (keyring.rotate, keyring.reseal, keyring.check, keyring.remove):
    app.command()(command)
