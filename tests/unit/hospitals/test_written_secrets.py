"""Secrets and keys in the hospitals file, its files and variables, as editors and shells leave them."""

import base64
from pathlib import Path

import pytest

from cli.stack.practice import _practice_private_key
from hospitals import ConfigError, Hospital, load_hospitals
from hospitals.secret_values import named_variables
from settings import Settings
from tests.unit.hospitals.test_hospitals_file import CENTRE, HOSPITAL, PRIVATE_KEY, PUBLIC_KEY

SECRET = "a secret"
MIME = "\r\n".join((PRIVATE_KEY[:20], PRIVATE_KEY[20:], ""))


def main_hospital(folder: Path, text: str | bytes) -> Hospital:
    path = folder / "hospitals.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_hospitals(path)["main"]


def problem(folder: Path, text: str | bytes) -> str:
    with pytest.raises(ConfigError) as caught:
        main_hospital(folder, text)
    return str(caught.value).removeprefix(str(folder / "hospitals.toml"))


class TestFile:
    @pytest.mark.parametrize("end", ["\n", "\r\n"])
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
    def test_a_mark_and_windows_line_ends(self, tmp_path: Path, encoding: str, end: str) -> None:
        text = (CENTRE + HOSPITAL).replace("\n", end)
        assert main_hospital(tmp_path, text.encode(encoding)).app_secret == SECRET

    def test_another_encoding_is_named(self, tmp_path: Path) -> None:
        text = CENTRE + HOSPITAL
        utf16 = problem(tmp_path, text.encode("utf-16"))
        assert utf16 == ":1: is not UTF-8 text, but looks like UTF-16: save it as UTF-8"
        gbk = (text + "# 处方\n").encode("gbk")
        line = text.count("\n") + 1
        assert problem(tmp_path, gbk) == f":{line}: is not UTF-8 text, but looks like GBK: save it as UTF-8"

    def test_blanks_around_a_hospitals_values(self, tmp_path: Path) -> None:
        text = (CENTRE + HOSPITAL).replace('"H14010000001"', '" H14010000001 "')
        assert main_hospital(tmp_path, text).org_codg == "H14010000001"


class TestSecrets:
    @pytest.mark.parametrize("written", [SECRET, f"{SECRET}\r\n", f"\ufeff{SECRET}\n", f"  {SECRET}\t\n\n"])
    def test_from_a_file(self, tmp_path: Path, written: str) -> None:
        (tmp_path / "s").write_bytes(written.encode())
        assert main_hospital(tmp_path, CENTRE + HOSPITAL.replace(SECRET, "file: s")).app_secret == SECRET

    @pytest.mark.parametrize("written", [SECRET, f"{SECRET}\r", f"\ufeff{SECRET}\n", f" {SECRET} "])
    def test_from_the_environment(self, tmp_path: Path, written: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("A_SECRET", written)
        assert main_hospital(tmp_path, CENTRE + HOSPITAL.replace(SECRET, "env:A_SECRET")).app_secret == SECRET

    def test_from_a_dot_env_with_a_mark(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / ".env").write_bytes(f"\ufeffA_SECRET={SECRET}\r\n".encode())
        assert main_hospital(tmp_path, CENTRE + HOSPITAL.replace(SECRET, "env:A_SECRET")).app_secret == SECRET

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (SECRET.encode("utf-16"), "looks like UTF-16"),
            ("密".encode("gbk"), "looks like GBK"),
            (b"\xef\xbb\xbf\r\n", "is empty"),
            (b"x" * 5000, "longer than 4096"),
            (b"x" * 50_000, "longer than 4096"),
        ],
        ids=["UTF-16", "GBK", "empty", "long", "longer"],
    )
    def test_what_is_no_secret_is_named_with_its_file(self, tmp_path: Path, content: bytes, reason: str) -> None:
        (tmp_path / "s").write_bytes(content)
        said = problem(tmp_path, CENTRE + HOSPITAL.replace(SECRET, "file:s"))
        assert "hospitals.main.app_secret: " in said
        assert reason in said

    def test_a_dot_env_in_another_encoding(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / ".env").write_bytes("A_SECRET=1".encode("utf-16"))
        said = problem(tmp_path, CENTRE + HOSPITAL.replace(SECRET, "env:A_SECRET"))
        assert said.endswith("app_secret: .env is not UTF-8 text, but looks like UTF-16: save it as UTF-8")


class TestKeys:
    @pytest.mark.parametrize("written", [MIME, base64.b64decode(PRIVATE_KEY).hex(), "\ufeff" + PRIVATE_KEY + "\r\n"])
    def test_a_private_key_comes_in_one_form(self, tmp_path: Path, written: str) -> None:
        (tmp_path / "k").write_bytes(written.encode())
        assert main_hospital(tmp_path, CENTRE + HOSPITAL.replace(PRIVATE_KEY, "file:k")).private_key == PRIVATE_KEY

    def test_a_platforms_public_key_with_line_breaks(self, tmp_path: Path) -> None:
        folded = f'""" {PUBLIC_KEY[:64]}\n{PUBLIC_KEY[64:]}\n"""'
        hospital = main_hospital(tmp_path, CENTRE.replace(f'"{PUBLIC_KEY}"', folded) + HOSPITAL)
        assert hospital.centre.platform_public_key == PUBLIC_KEY

    def test_a_wrong_one_is_named_with_its_setting(self, tmp_path: Path) -> None:
        compressed = base64.b64encode(b"\2" + bytes(range(32))).decode()
        said = problem(tmp_path, CENTRE.replace(PUBLIC_KEY, compressed) + HOSPITAL)
        assert ":3: centres.sim.platform_public_key: the SM2 public key is compressed" in said
        said = problem(tmp_path, CENTRE + HOSPITAL.replace(PRIVATE_KEY, PRIVATE_KEY.rstrip("=")))
        assert ":14: hospitals.main.private_key: the SM2 private key is not base64: characters are missing" in said

    @pytest.mark.parametrize("form", ["hex", "folded"])
    def test_one_for_practice_is_recognised_in_every_form(self, tmp_path: Path, form: str) -> None:
        key = _practice_private_key()
        written = base64.b64decode(key).hex() if form == "hex" else f"{key[:20]}\r\n{key[20:]}"
        (tmp_path / "k").write_text(written, encoding="utf-8")
        (tmp_path / "k").chmod(0o600)
        path = tmp_path / "hospitals.toml"
        text = (CENTRE + HOSPITAL.replace(PRIVATE_KEY, "file:k")).replace("127.0.0.1", "centre.example.cn")
        path.write_text(text.replace(SECRET, "a secret that is long enough"), encoding="utf-8")
        path.chmod(0o600)
        with pytest.raises(ConfigError, match="is a key for practice"):
            load_hospitals(path, Settings(_env_file=None).guards_keys)

    def test_a_hardware_label_is_passed_on(self, tmp_path: Path) -> None:
        text = CENTRE + HOSPITAL.replace(PRIVATE_KEY, " hsm:ward 1 ")
        assert main_hospital(tmp_path, text).private_key == "hsm:ward 1"


class TestNamedVariables:
    def test_every_reference_right_or_wrong(self, tmp_path: Path) -> None:
        path = tmp_path / "h.toml"
        path.write_bytes(b'\xef\xbb\xbfa = "env:ONE"\r\nb="env: TWO_2"\n[broken\nc = \'env:THREE\'\n')
        assert named_variables(path) == {"ONE", "TWO_2", "THREE"}
        path.write_bytes("密".encode("gbk"))
        assert named_variables(path) == frozenset()
        assert named_variables(tmp_path / "gone") == frozenset()
