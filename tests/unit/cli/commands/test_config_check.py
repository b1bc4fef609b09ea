"""`medpay config check` finds the files that a start would stumble over, or that others could read."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cli.commands.config import check
from cli.configuration import CommandError
from cli.stack.practice import Addresses, make_hospital, make_keyring
from security.crypto.gcm import SealCipher
from security.crypto.keyring import Keyring
from settings import Settings, env_name
from tests.support.tls.authority import Authority

HERE = Addresses("http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3")


@pytest.fixture(autouse=True)
def _practice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All that `medpay up` makes, but with a keyring that is no practice one."""
    monkeypatch.chdir(tmp_path)
    for field in Settings.model_fields:
        monkeypatch.delenv(env_name(field), raising=False)
    folder = tmp_path / ".medpay"
    folder.mkdir(mode=0o700)
    make_hospital(folder, "main", HERE)
    Keyring.generate(SealCipher.SM4).save(folder / "keyring.json")


def problems() -> list[str]:
    try:
        check(as_json=False)
    except CommandError as error:
        return list(error.lines)
    return []


def test_what_is_right_is_right() -> None:
    assert problems() == []


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (Path.unlink, "can't read the keyring: No such file or directory"),
        (lambda file: file.write_text("{}", encoding="utf-8"), ": broken keyring"),
        (lambda file: file.write_text("", encoding="utf-8"), ": broken keyring"),
        (lambda file: file.chmod(0o644), "others may read this keyring, its mode must be 600"),
        (lambda file: file.chmod(0o640), "others may read this keyring, its mode must be 600"),
    ],
)
def test_a_keyring_that_no_start_would_take(spoil: Callable[[Path], object], said: str) -> None:
    spoil(Path(".medpay/keyring.json"))
    (problem,) = problems()
    assert problem.startswith("MEDPAY_KEYRING_FILE: .medpay/keyring.json")
    assert said in problem


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("MEDPAY_API_HOST", "0.0.0.0"),  # noqa: S104 - the point
        ("MEDPAY_TEMPORAL_ADDRESS", "temporal.example.cn:7233"),
        ("MEDPAY_DATABASE_URL", "postgresql://u:p@db.example.cn/d"),
        ("MEDPAY_HIS_URL", "http://his.example.cn"),
    ],
)
def test_practice_keys_as_soon_as_one_party_is_elsewhere(
    setting: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(".medpay/keyring.json").unlink()
    make_keyring(Path(".medpay/keyring.json"))
    assert problems() == []
    monkeypatch.setenv(setting, value)
    assert [line.rpartition(": ")[2] for line in problems()] == [
        "is a key for practice, which medpay up or config new made"
    ] * 2
    monkeypatch.setenv("MEDPAY_PRACTICE", "true")
    assert problems() == []


def test_a_practice_keyring_with_temporal_here_and_his_elsewhere() -> None:
    """With a hospital's own keys: what is left of the practice stack is the keyring."""
    file = Path(".medpay/hospitals.toml")
    pair = Path(".medpay/centre.key").read_text(encoding="utf-8").strip()
    text = file.read_text(encoding="utf-8").replace(HERE.his_url, "http://his.example.cn")
    file.write_text(text.replace("file:main.key", pair).replace("file:main.app-secret", "s" * 16), encoding="utf-8")
    assert problems() == []
    Path(".medpay/keyring.json").unlink()
    make_keyring(Path(".medpay/keyring.json"))
    (problem,) = problems()
    assert "is a keyring for practice" in problem


def test_secrets_in_a_dot_env_that_others_may_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDPAY_PRACTICE", "false")
    Path(".env").write_text("MEDPAY_API_KEY=0123456789abcdef0123\n", encoding="utf-8")
    Path(".env").chmod(0o644)
    assert problems() == []
    file = Path(".medpay/hospitals.toml")
    text = file.read_text(encoding="utf-8").replace(HERE.his_url, "http://his.example.cn")
    pair = Path(".medpay/centre.key").read_text(encoding="utf-8").strip()
    file.write_text(text.replace("file:main.key", pair).replace("file:main.app-secret", "s" * 16), encoding="utf-8")
    assert problems() == [f"MEDPAY_API_KEY: others may read {Path.cwd()}/.env: chmod 600"]


class TestTheDatabase:
    def test_a_file_that_others_may_read(self) -> None:
        Path(".medpay/medpay.db").touch(mode=0o644)
        assert problems() == ["MEDPAY_DATABASE_URL: others may read .medpay/medpay.db: chmod 600"]

    def test_a_password_file_that_is_missing_or_open(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        file = tmp_path / "pass"
        monkeypatch.setenv("MEDPAY_DATABASE_URL", f"postgresql://u@localhost/d?passfile={file}")
        assert problems() == [f"MEDPAY_DATABASE_URL: there is no file {file}"]
        file.touch(mode=0o644)
        assert problems() == [f"MEDPAY_DATABASE_URL: others may read {file}: chmod 600"]
        file.chmod(0o600)
        assert problems() == []

    def test_keys_in_its_address_as_those_in_settings(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        ours = Authority(tmp_path).issue("ours")
        ours.key.chmod(0o644)
        tls = f"sslmode=verify-full&sslcert={ours.cert}&sslkey={ours.key}"
        monkeypatch.setenv("MEDPAY_DATABASE_URL", f"postgresql://u:p@localhost/d?{tls}")
        assert problems() == [
            f"MEDPAY_DATABASE_URL: {ours.key} is open to everybody on this machine: chmod 600",
        ]
