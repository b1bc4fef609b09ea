"""A file that holds a secret."""

import stat
from pathlib import Path

import pytest

from security.keys.files import KeyringError, keep, write_over


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    write_over(tmp_path / "key", "secret")
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["key"]


def test_it_is_made_once(tmp_path: Path) -> None:
    assert keep(tmp_path / "key", lambda: "first") == "first"
    assert keep(tmp_path / "key", lambda: "second") == "first"


@pytest.mark.parametrize("kept", [b"first", b"\xef\xbb\xbffirst\r\n", b" first \n\n"])
def test_it_is_kept_whatever_an_editor_put_around_it(tmp_path: Path, kept: bytes) -> None:
    (tmp_path / "key").write_bytes(kept)
    assert keep(tmp_path / "key", lambda: "second") == "first"


def test_one_in_another_encoding_is_named_not_made_again(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes("first".encode("utf-16"))
    with pytest.raises(KeyringError, match="key is not UTF-8 text, but looks like UTF-16"):
        keep(tmp_path / "key", lambda: "second")


def test_an_empty_one_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "key").touch()
    assert keep(tmp_path / "key", lambda: "made") == "made"
