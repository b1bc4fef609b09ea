"""`medpay config`: check the settings and the hospitals file, or make a set for practice."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer

from api.access.keys import Callers, UnsafeSettingsError
from cli.configuration import (
    CHECK_FAILED,
    WRONG_USE,
    CommandError,
    read_hospitals,
    read_hospitals_file,
    read_keyring,
    read_settings,
)
from cli.stack import practice
from hospitals import Hospital
from security.keys.own_files import ForeignFileError, make_private
from settings import Settings
from storage.sql.engines import check_database_files

app = typer.Typer(name="config", no_args_is_help=True, help="Settings and hospitals.")


@app.callback()
def group() -> None:
    """Settings and hospitals."""


@app.command()
def check(*, as_json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False) -> None:
    """Check the settings, the hospitals file, the keyring and whose files they are. Each error is a line; exit 1."""
    try:
        settings = read_settings()
        hospitals = read_hospitals(settings)
    except CommandError as error:
        problems = error.lines
    else:
        problems = tuple(_problems(settings, hospitals))
    if not problems:
        names = ", ".join(hospitals)
        done = json.dumps({"ok": True, "hospitals": list(hospitals)})
        typer.echo(done if as_json else f"OK: {settings.hospitals_path}, {len(hospitals)} hospital(s): {names}")
        for shared in () if as_json else _sharing_an_account(hospitals):
            typer.echo(
                f"{', '.join(shared)} share an account at the centre: a medOrgOrd can be used by one of them only"
            )
        return
    if not as_json:
        raise CommandError(*problems)
    typer.echo(json.dumps({"ok": False, "errors": problems}, ensure_ascii=False))
    raise typer.Exit(CHECK_FAILED)


def _problems(settings: Settings, hospitals: Mapping[str, Hospital]) -> Iterator[str]:
    """What would go wrong with settings and hospitals that can be read."""
    try:
        read_keyring(settings, hospitals)
    except CommandError as error:
        yield from error.lines
    try:
        if settings.auth == "key":
            Callers(settings, hospitals)
    except UnsafeSettingsError as error:
        yield str(error)
    try:
        check_database_files(settings.database)
    except ValueError as problem:
        yield f"MEDPAY_DATABASE_URL: {problem}"


def _sharing_an_account(hospitals: Mapping[str, Hospital]) -> list[list[str]]:
    accounts: dict[str, list[str]] = {}
    for name, hospital in hospitals.items():
        accounts.setdefault(hospital.account, []).append(name)
    return [names for names in accounts.values() if len(names) > 1]


@app.command()
def new(
    folder: Annotated[Path, typer.Argument(help="The folder to make; it must not exist or be empty.")],
    hospital: Annotated[str, typer.Option(help="The hospital's name.")] = "main",
    insurance_url: Annotated[str, typer.Option(help="Where the centre's simulator will be.")] = "http://127.0.0.1:8101",
    his_url: Annotated[str, typer.Option(help="Where HIS's simulator will be.")] = "http://127.0.0.1:8102",
    api_url: Annotated[
        str, typer.Option(help="Where the centre's simulator reaches the API.")
    ] = "http://127.0.0.1:8000",
) -> None:
    """Make a hospitals file, keys and keyring to practise with on the simulators, for a set-up without `medpay up`."""
    notice_url = f"{api_url}/api/v1/insurance/settlement-notice"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise CommandError(f"{folder} is not empty; keys are never overwritten", exit_code=WRONG_USE)
        make_private(folder)
        practice.make_keyring(folder / "keyring.json")
        path = practice.make_hospital(folder, hospital, practice.Addresses(insurance_url, his_url, notice_url))
        made = read_hospitals_file(path)[hospital]
        practice.make_centre(folder, made, notice_url, made.app_secret)
    except ForeignFileError as error:
        raise CommandError(str(error), exit_code=WRONG_USE) from None
    except OSError as error:
        raise CommandError(f"can't write to {folder}: {error.strerror}") from None
    files = f"MEDPAY_HOSPITALS_FILE={path} MEDPAY_KEYRING_FILE={folder / 'keyring.json'}"
    typer.echo(f"Made {path}; check it with MEDPAY_PRACTICE=true {files} medpay config check")
