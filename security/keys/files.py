"""Files with secrets such as keyrings: readable by their owner only, and written whole or not at all."""

import fcntl
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from domain.values.written import bare, text_of

FILE_BYTES_MAX = 65_536
OWNER_ONLY = 0o600
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class KeyringError(Exception):
    """The keyring, or a key's file, can't be used. One line that names the file and never contains a key."""


def read_private(path: Path) -> str:
    """The file's text. Raises `KeyringError` if it is missing or others may open it."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & _OTHERS:
                raise KeyringError(f"{path}: others may read this keyring, its mode must be 600")
            return text_of(file.read(FILE_BYTES_MAX))
    except OSError as error:
        raise KeyringError(f"{path}: can't read the keyring: {error.strerror}") from None
    except ValueError as problem:
        raise KeyringError(f"{path}: broken keyring: it {problem}") from None


def write_new(path: Path, text: str) -> None:
    """Write a new file. Raises `KeyringError` if it exists already, OSError if it can't be written."""
    with _draft(path, text) as draft:
        try:
            # Unlike a rename, a link never replaces a file.
            os.link(draft, path)
        except FileExistsError:
            raise KeyringError(f"{path}: there is a keyring already, it is never overwritten") from None


def write_over(path: Path, text: str) -> None:
    """Replace the file atomically, with mode 600. Raises OSError if it can't be written."""
    with _draft(path, text) as draft:
        draft.replace(path)


def keep(path: Path, make: Callable[[], str]) -> str:
    """The file's text, made and written first if the file is missing or empty.

    Raises OSError, or `KeyringError` if it is no text.
    """
    try:
        if path.exists() and (text := bare(text_of(path.read_bytes()))):
            return text
    except ValueError as problem:
        raise KeyringError(f"{path} {problem}") from None
    text = make()
    write_over(path, text + "\n")
    return text


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock for changing the file while the block runs. Raises OSError."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


@contextmanager
def _draft(path: Path, text: str) -> Iterator[Path]:
    """A temporary file beside `path` with `text` synced to disk, removed afterwards if it is still there."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)
