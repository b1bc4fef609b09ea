"""Reads settings, hospitals file and keyring for a command, or says in a line each what is wrong with them.

A command that can't go on prints such lines to standard error and ends with an exit code (contract 2.5).
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import typer
from pydantic import ValidationError

from hospitals import ConfigError, Hospital, load_hospitals, parties, unguarded
from hospitals.secret_values import named_variables
from security.crypto.keyring import Keyring, KeyringError
from security.environment import (
    DOT_ENV,
    ELSEWHERE,
    DotEnvError,
    dot_env_text,
    dot_env_values,
    exposed_in_dot_env,
    only_in_dot_env,
    unread_in,
    unread_in_dot_env,
)
from security.keys.provider import LocalKeys
from settings import Settings, complaints, env_name

CHECK_FAILED = 1
WRONG_USE = 2
_HARMLESS = frozenset({"hospital", "task_queue", "temporal_namespace", "log_level"})
_TOLD = [
    env_name(name)
    for name, field in Settings.model_fields.items()
    if name not in _HARMLESS and type(field.default) is not int
]
"""Settings that say who may call us, and where calls, keys and records go: all but numbers and names."""
_SECRETS = ["MEDPAY_API_KEY", "MEDPAY_KEYRING", "MEDPAY_DATABASE_URL", "MEDPAY_DATABASE_PASSWORD"]
_SETTINGS = ELSEWHERE | {env_name(field) for field in Settings.model_fields}


class CommandError(Exception):
    """A failure that the user can act on. `lines` are printed to standard error, without a stack trace."""

    def __init__(self, *lines: str, exit_code: int = CHECK_FAILED) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines
        self.exit_code = exit_code


def read_settings() -> Settings:
    """Settings from the environment and `.env`. Raises `CommandError` naming the variable.

    A name that nothing reads is an error in `.env`, which is ours, and a warning in the environment, which is not.
    What `.env` says of addresses, files and keys is told, since it applies to whoever stands in its folder.
    """
    text = _dot_env()
    try:
        settings = Settings()
    except ValidationError as invalid:
        # Without settings the hospitals file is not known, nor the names in it: a wrong setting may come from a name.
        misspelt = unread_in_dot_env(text, _SETTINGS)
        raise CommandError(*complaints(invalid), *misspelt, exit_code=WRONG_USE) from None
    read = _SETTINGS | named_variables(settings.hospitals_path)
    if misspelt := unread_in_dot_env(text, read):
        raise CommandError(*misspelt, exit_code=WRONG_USE)
    for line in unread_in(os.environ, read):
        typer.echo(f"Warning: {line}", err=True)
    if told := only_in_dot_env(_TOLD):
        typer.echo(f"Note: {DOT_ENV.absolute()} sets {', '.join(told)}", err=True)
    return settings


def _dot_env() -> str:
    """Its text. Raises `CommandError` where it can't be read or is not to be believed."""
    try:
        dot_env_values()
        return dot_env_text()
    except DotEnvError as problem:
        raise CommandError(*str(problem).splitlines(), exit_code=WRONG_USE) from None


def read_hospitals(settings: Settings) -> Mapping[str, Hospital]:
    """The hospitals file that the settings name. Raises `CommandError` with a line for each problem."""
    if not settings.hospitals_path.is_file():
        raise CommandError(f"MEDPAY_HOSPITALS_FILE: there is no file {settings.hospitals_path}", exit_code=WRONG_USE)
    hospitals = read_hospitals_file(settings.hospitals_path, settings.guards_keys)
    if settings.guards_keys(*parties(hospitals)) and (exposed := exposed_in_dot_env(_SECRETS)):
        raise CommandError(
            f"{', '.join(exposed)}: others may read {DOT_ENV.absolute()}: chmod 600", exit_code=WRONG_USE
        )
    if settings.hospital not in hospitals:
        known = ", ".join(hospitals)
        raise CommandError(
            f"MEDPAY_HOSPITAL: {settings.hospital} is not in {settings.hospitals_path} (there: {known})",
            exit_code=WRONG_USE,
        )
    return hospitals


def read_hospitals_file(path: Path, guarded: Callable[..., bool] = unguarded) -> Mapping[str, Hospital]:
    """Every hospital in the file by its id. Raises `CommandError` with a line for each problem."""
    try:
        return load_hospitals(path, guarded)
    except ConfigError as error:
        raise CommandError(*str(error).splitlines(), exit_code=WRONG_USE) from None


def read_keyring(settings: Settings, hospitals: Mapping[str, Hospital] | None = None) -> Keyring:
    """The keyring. Raises `CommandError`, also for one made for practice where that may not be used.

    `hospitals`: whose parties count besides those of the settings.
    """
    practice = not settings.guards_keys(*parties(hospitals or {}))
    try:
        return LocalKeys(settings.keyring_path, settings.keyring, practice=practice).keyring()
    except KeyringError as error:
        source = "" if settings.keyring is not None else "MEDPAY_KEYRING_FILE: "
        raise CommandError(f"{source}{error}", exit_code=WRONG_USE) from None
