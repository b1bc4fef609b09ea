"""The data folder: one stack at a time, and one line where it can't be used."""

import errno
import os
import shutil
import stat
from pathlib import Path

import pytest

from cli.configuration import CommandError
from cli.stack.folder import FREE_BYTES_MIN, check_room, data_folder, disk_trouble_in_one_line


def test_it_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    with data_folder(tmp_path / "new" / "data") as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert (folder / "logs").is_dir()


def test_one_that_was_there_before_is_taken_from_others_and_said(tmp_path: Path) -> None:
    old = tmp_path / "data"
    (old / "logs").mkdir(parents=True)
    for file in (old / "keyring.json", old / "logs" / "api.log", tmp_path / "not-ours"):
        file.touch()
        file.chmod(0o644)
    (old / "link").symlink_to(tmp_path / "not-ours")
    for folder in (old, old / "logs"):
        folder.chmod(0o755)
    said: list[str] = []
    with data_folder(old, said.append):
        modes = {
            place.name: stat.S_IMODE(place.stat().st_mode) for place in (old, *old.rglob("*"), tmp_path / "not-ours")
        }
    assert modes == {
        **dict.fromkeys(("data", "logs"), 0o700),
        **dict.fromkeys(("keyring.json", "api.log", "lock"), 0o600),
        **dict.fromkeys(("link", "not-ours"), 0o644),
    }
    assert said == [f"{old} was open to others: 4 files and folders in it now have mode 600 and 700"]
    with data_folder(old, said.append):
        assert len(said) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders away")
def test_somebody_else_s_is_refused(tmp_path: Path) -> None:
    os.chown(tmp_path, 12_345, -1)
    with pytest.raises(CommandError, match=r"MEDPAY_DATA_DIR: .* belongs to another user \(uid 12345\)"):
        data_folder(tmp_path).__enter__()


def test_the_second_stack_is_told_who_has_it(tmp_path: Path) -> None:
    with data_folder(tmp_path), pytest.raises(CommandError) as caught, data_folder(tmp_path):
        raise AssertionError("both are in")
    assert len(caught.value.lines) == 1
    assert f"{tmp_path} is in use by another medpay up (process {os.getpid()})" in caught.value.lines[0]


def test_it_can_be_used_again_afterwards(tmp_path: Path) -> None:
    for _ in range(2):
        with data_folder(tmp_path) as folder:
            assert folder == tmp_path


def test_a_file_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CommandError, match=r"MEDPAY_DATA_DIR: .*/file/data is not a folder"):
        data_folder(tmp_path / "file" / "data").__enter__()


def test_a_full_disk_is_seen_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=FREE_BYTES_MIN - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(CommandError, match=r"MEDPAY_DATA_DIR: the disk of .* is full \(63 MiB free, 64 MiB needed\)"):
        check_room(tmp_path)


@pytest.mark.parametrize(
    ("number", "line"),
    [
        (errno.ENOSPC, "MEDPAY_DATA_DIR: the disk of /d is full"),
        (errno.EDQUOT, "MEDPAY_DATA_DIR: the disk of /d is full"),
        (errno.EROFS, "MEDPAY_DATA_DIR: can't write to /d: Read-only file system"),
    ],
)
def test_the_file_systems_errors_in_one_line(number: int, line: str) -> None:
    with pytest.raises(CommandError) as caught, disk_trouble_in_one_line(Path("/d")):
        raise OSError(number, os.strerror(number))
    assert caught.value.lines == (line,)
