"""A file that holds a secret."""

import stat
from pathlib import Path

from security.keys.files import keep, write_over


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    write_over(tmp_path / "key", "secret")
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["key"]


def test_it_is_made_once(tmp_path: Path) -> None:
    assert keep(tmp_path / "key", lambda: "first") == "first"
    assert keep(tmp_path / "key", lambda: "second") == "first"


def test_an_empty_one_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "key").touch()
    assert keep(tmp_path / "key", lambda: "made") == "made"
