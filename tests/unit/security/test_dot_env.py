"""`.env` is believed only where nobody else could have written it, and never about what it must not decide."""

import grp
import os
import pwd
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from cli.commands.review import _own_api
from cli.configuration import CommandError, read_settings
from security.environment import NEVER_IN_DOT_ENV, DotEnvError, dot_env_values, variable
from security.keys.own_files import ForeignFileError, check_own
from settings import Settings, env_name

SOMEBODY = 12_345
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture(autouse=True)
def _in_a_folder_of_mine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir(mode=0o700)
    monkeypatch.chdir(tmp_path / "mine")
    for field in Settings.model_fields:
        monkeypatch.delenv(env_name(field), raising=False)
    monkeypatch.setattr(grp, "getgrgid", partial(_group, ("colleague",)))


def _group(members: tuple[str, ...], group_id: int) -> grp.struct_group:
    """The user's group by its name; whether the user is alone in it, the members tell."""
    return grp.struct_group((pwd.getpwuid(os.geteuid()).pw_name, "x", group_id, list(members)))


def dot_env(text: str = "MEDPAY_SYNC_WAIT_S=7\n", mode: int = 0o600, place: Path = Path(".env")) -> Path:
    place.write_text(text, encoding="utf-8")
    place.chmod(mode)
    return place


def _link_to(target: Path) -> None:
    Path(".env").symlink_to(target)


def _another_s_folder(tmp_path: Path) -> None:
    dot_env()
    os.chown(tmp_path / "mine", SOMEBODY, -1)


def _another_s_file(_: Path) -> None:
    os.chown(dot_env(mode=0o644), SOMEBODY, -1)


def _another_s_link(tmp_path: Path) -> None:
    _link_to(dot_env(place=tmp_path / "real"))
    os.lchown(".env", SOMEBODY, -1)


def _in_a_folder_of_mode(mode: int, tmp_path: Path) -> None:
    dot_env()
    (tmp_path / "mine").chmod(mode)


def _below_an_open_folder(tmp_path: Path) -> None:
    dot_env()
    tmp_path.chmod(0o777)


def _linked_into_an_open_folder(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    _link_to(dot_env(place=tmp_path / "open" / "real"))


FOREIGN: dict[str, Callable[[Path], object]] = {
    "group may write": lambda _: dot_env(mode=0o620),
    "all may write": lambda _: dot_env(mode=0o602),
    "its folder is open to the group": partial(_in_a_folder_of_mode, 0o770),
    "its folder is open to all": partial(_in_a_folder_of_mode, 0o707),
    "all share its folder, as /tmp": partial(_in_a_folder_of_mode, 0o1777),
    "an open folder above": _below_an_open_folder,
    "a link to a file that others may write": lambda tmp_path: _link_to(dot_env(mode=0o666, place=tmp_path / "real")),
    "a link into an open folder": _linked_into_an_open_folder,
}
GIVEN_AWAY: dict[str, Callable[[Path], object]] = {
    "another's file": _another_s_file,
    "another's folder": _another_s_folder,
    "another's link to my file": _another_s_link,
}


class TestWhoseItIs:
    @pytest.mark.parametrize("case", [*FOREIGN, *(pytest.param(case, marks=needs_root) for case in GIVEN_AWAY)])
    def test_one_that_others_could_have_written_stops_everything_and_is_named(self, case: str, tmp_path: Path) -> None:
        (FOREIGN | GIVEN_AWAY)[case](tmp_path)
        with pytest.raises(CommandError, match=r"^\.env of /.*/mine is not believed: ") as caught:
            read_settings()
        assert (len(caught.value.lines), caught.value.exit_code) == (1, 2)
        with pytest.raises(DotEnvError):
            Settings()
        with pytest.raises(DotEnvError):
            variable("A_SECRET")

    @pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o400])
    def test_my_own_is_read(self, mode: int) -> None:
        dot_env(mode=mode)
        assert read_settings().sync_wait_s == 7

    @pytest.mark.parametrize("alone", [True, False])
    def test_a_group_with_nobody_else_in_it_may_write(
        self,
        alone: bool,  # noqa: FBT001 - a case
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """As umask 002 makes files where each user has a group of their own."""
        monkeypatch.setattr(grp, "getgrgid", partial(_group, () if alone else ("colleague",)))
        dot_env(mode=0o664)
        if alone:
            assert read_settings().sync_wait_s == 7
        else:
            with pytest.raises(CommandError, match="others may write to /"):
                read_settings()

    def test_a_link_of_mine_to_a_file_of_mine_is_read(self, tmp_path: Path) -> None:
        _link_to(dot_env(place=tmp_path / "real"))
        assert read_settings().sync_wait_s == 7

    def test_links_in_a_circle_are_no_file(self) -> None:
        _link_to(Path(".env"))
        with pytest.raises((ForeignFileError, OSError)):
            check_own(Path(".env"))

    def test_a_shared_folder_with_a_sticky_bit_will_do_for_other_files(self, tmp_path: Path) -> None:
        _in_a_folder_of_mode(0o1777, tmp_path)
        check_own(Path(".env"))


class TestWhatItMayNotSay:
    @pytest.mark.parametrize("name", NEVER_IN_DOT_ENV)
    @pytest.mark.parametrize("form", ["{}=x", "export {}=x", " '{}' = x", "# \n{}='x'"])
    def test_is_refused_with_its_line_whatever_the_environment_says(
        self, name: str, form: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        dot_env(f"MEDPAY_SYNC_WAIT_S=7\n{form.format(name)}\n")
        monkeypatch.setenv(name, "key" if name == "MEDPAY_AUTH" else "/usr/bin/true")
        with pytest.raises(CommandError, match=rf"^\.env:[23]: {name} .*never in \.env$"):
            read_settings()

    def test_in_small_letters_too(self) -> None:
        dot_env("medpay_auth=none\n")
        with pytest.raises(CommandError, match=r"^\.env:1: medpay_auth "):
            read_settings()

    def test_no_variable_is_put_into_a_value(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Such as a key into an address that it would then be sent to."""
        monkeypatch.setenv("MEDPAY_REVIEW_KEY", "key-of-mine")
        dot_env("MEDPAY_HIS_URL=http://x.example/${MEDPAY_REVIEW_KEY}\n")
        assert dot_env_values() == {"MEDPAY_HIS_URL": "http://x.example/${MEDPAY_REVIEW_KEY}"}


class TestWhatIsTold:
    def test_addresses_files_and_keys_that_it_sets(self, capsys: pytest.CaptureFixture[str]) -> None:
        dot_env("MEDPAY_SYNC_WAIT_S=7\nMEDPAY_API_HOST=127.0.0.2\nMEDPAY_KEYRING_FILE=k\nMEDPAY_LOG_LEVEL=debug\n")
        read_settings()
        assert capsys.readouterr().err == f"Note: {Path.cwd()}/.env sets MEDPAY_API_HOST, MEDPAY_KEYRING_FILE\n"

    def test_nothing_of_what_the_environment_decides(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        dot_env("MEDPAY_API_HOST=127.0.0.2\nMEDPAY_SYNC_WAIT_S=7\n")
        monkeypatch.setenv("MEDPAY_API_HOST", "127.0.0.1")
        read_settings()
        assert capsys.readouterr().err == ""


class TestWhereAKeyIsSent:
    @pytest.mark.parametrize("setting", ["MEDPAY_API_HOST=evil.example", "MEDPAY_API_PORT=9000"])
    def test_never_where_only_dot_env_says(self, setting: str) -> None:
        dot_env(f"{setting}\n")
        with pytest.raises(CommandError, match=r"^--api: MEDPAY_API_\w+ stands in /.*/\.env only; if your key may go"):
            _own_api()

    def test_where_the_environment_says_or_by_default(self, monkeypatch: pytest.MonkeyPatch) -> None:
        dot_env("MEDPAY_API_HOST=evil.example\n")
        monkeypatch.setenv("MEDPAY_API_HOST", "127.0.0.3")
        assert _own_api() == "http://127.0.0.3:8000"
        Path(".env").unlink()
        monkeypatch.delenv("MEDPAY_API_HOST")
        assert _own_api() == "http://127.0.0.1:8000"
