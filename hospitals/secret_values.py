"""Secrets in the hospitals file: a value, `env:NAME` or `file:PATH`, so that the file itself need not be secret."""

import os
import stat
from pathlib import Path

from dotenv import dotenv_values

SECRET_CHARS_MAX = 4096


def read_secret(reference: str, folder: Path) -> str:
    """The secret that `reference` stands for. A relative PATH is resolved from `folder`, the hospitals file's.

    Raises ValueError, whose text never contains a value.
    """
    kind, _, name = reference.partition(":")
    if kind == "env":
        secret = os.environ.get(name) or dotenv_values(".env").get(name) or ""
        if not secret:
            raise ValueError(f"the environment variable {name} is not set")
    elif kind == "file":
        secret = _read_file(folder / name)
    else:
        secret = reference
    if not secret:
        raise ValueError("is empty")
    if len(secret) > SECRET_CHARS_MAX:
        raise ValueError(f"is longer than {SECRET_CHARS_MAX} characters")
    return secret


def exposed_file(reference: str, hospitals_file: Path) -> Path | None:
    """The file with the secret, if others than its owner and group can read it, else None."""
    kind, _, name = reference.partition(":")
    if kind in {"env", "hsm"}:
        return None
    path = hospitals_file.parent / name if kind == "file" else hospitals_file
    try:
        return path if path.stat().st_mode & stat.S_IRWXO else None
    except OSError:
        return None


def _read_file(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(SECRET_CHARS_MAX + 1).strip()
    except OSError as error:
        raise ValueError(f"can't read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text") from None
