"""Secrets in the hospitals file: a value, `env:NAME` or `file:PATH`, so that the file itself need not be secret."""

import re
import stat
from pathlib import Path

from domain.values.written import bare, text_of
from security.environment import DOT_ENV, exposed_in_dot_env, variable

SECRET_CHARS_MAX = 4096
_VARIABLE = re.compile(r"env:\s*([A-Za-z0-9_]+)", re.ASCII)
_EXPOSED = stat.S_IRWXO | stat.S_IWGRP
_FILE_BYTES_MAX = 4 * SECRET_CHARS_MAX


def read_secret(reference: str, folder: Path) -> str:
    """The secret that `reference` stands for. A relative PATH is resolved from `folder`, the hospitals file's.

    Without the byte order mark, blanks and line ends around it, wherever it comes from.

    Raises ValueError, whose text never contains a value.
    """
    kind, name = _kind_and_name(reference)
    if kind == "env":
        secret = variable(name)
        if not secret:
            raise ValueError(f"the environment variable {name} is not set")
    elif kind == "file":
        secret = _read_file(folder / name)
    else:
        secret = bare(reference)
    if not secret:
        raise ValueError("is empty")
    if len(secret) > SECRET_CHARS_MAX:
        raise ValueError(f"is longer than {SECRET_CHARS_MAX} characters")
    return secret


def named_variables(hospitals_file: Path) -> frozenset[str]:
    """Every NAME of an `env:NAME` in the file, right or wrong otherwise; none if it can't be read."""
    try:
        return frozenset(_VARIABLE.findall(text_of(hospitals_file.read_bytes())))
    except (OSError, ValueError):
        return frozenset()


def exposed_file(reference: str, hospitals_file: Path) -> Path | None:
    """The file with the secret, if others than its owner and group can read it or others can write it, else None."""
    kind, name = _kind_and_name(reference)
    if kind == "env":
        return DOT_ENV.absolute() if exposed_in_dot_env([name.upper()]) else None
    if kind == "hsm":
        return None
    path = hospitals_file.parent / name if kind == "file" else hospitals_file
    try:
        return path if path.stat().st_mode & _EXPOSED else None
    except OSError:
        return None


def _kind_and_name(reference: str) -> tuple[str, str]:
    kind, _, name = bare(reference).partition(":")
    return kind, name.strip()


def _read_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ValueError(f"can't read {path}: {error.strerror}") from None
    if len(content) > _FILE_BYTES_MAX:
        raise ValueError(f"{path} is longer than {SECRET_CHARS_MAX} characters")
    try:
        return bare(text_of(content))
    except ValueError as problem:
        raise ValueError(f"{path} {problem}") from None
