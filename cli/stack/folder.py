"""The data folder: writable, with enough room, and used by one stack at a time."""

import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.configuration import CommandError
from security.keys.files import KeyringError
from security.keys.own_files import ForeignFileError, make_private

FREE_BYTES_MIN = 64 * 1024 * 1024
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def data_folder(path: Path, say: Callable[[str], None] = lambda _: None) -> Iterator[Path]:
    """The folder, made and checked, and locked while the block runs. Raises `CommandError`.

    What was open to others in it, as in one that existed before, is taken from them, and `say` is told.
    """
    with disk_trouble_in_one_line(path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        (path / "logs").mkdir(mode=0o700, exist_ok=True)
        if opened := make_private(path):
            say(f"{path} was open to others: {len(opened)} files and folders in it now have mode 600 and 700")
        lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _take(lock, path)
        check_room(path)
        yield path
    finally:
        os.close(lock)


@contextmanager
def disk_trouble_in_one_line(path: Path) -> Iterator[None]:
    """Turns OSError on `path`, and a file that is not ours or no text, into a `CommandError` that names the setting."""
    try:
        yield
    except (KeyringError, ForeignFileError) as error:
        raise CommandError(f"MEDPAY_DATA_DIR: {error}") from None
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise CommandError(f"MEDPAY_DATA_DIR: the disk of {path} is full") from None
        if isinstance(error, FileExistsError | NotADirectoryError):
            raise CommandError(f"MEDPAY_DATA_DIR: {path} is not a folder") from None
        raise CommandError(f"MEDPAY_DATA_DIR: can't write to {path}: {error.strerror}") from None


def check_room(path: Path) -> None:
    """Raises `CommandError` if the folder's disk has too little room to keep payments safely, or can't be written."""
    free = shutil.disk_usage(path).free
    if free < FREE_BYTES_MIN:
        raise CommandError(
            f"MEDPAY_DATA_DIR: the disk of {path} is full ({free >> 20} MiB free, {FREE_BYTES_MIN >> 20} MiB needed)"
        )
    with disk_trouble_in_one_line(path):
        trial = path / "lock.trial"
        trial.write_bytes(b"\0" * 4096)
        trial.unlink()


def _take(lock: int, path: Path) -> None:
    """One stack at a time. The kernel frees the lock however its holder ends."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(lock, 20, 0).decode("ascii", errors="replace").strip() or "?"
        raise CommandError(
            f"MEDPAY_DATA_DIR: {path} is in use by another medpay up (process {holder}); stop it or name another folder"
        ) from None
    with disk_trouble_in_one_line(path):
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode("ascii"), 0)
