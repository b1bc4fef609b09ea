"""Beyond this machine only safe keys are taken: nobody else's to read, long enough, not made for practice."""

import base64
from pathlib import Path
from typing import Any

import pytest

from cli.stack.practice import Addresses, make_hospital
from hospitals import ConfigError, load_hospitals
from security.crypto.sm import generate_key_pair
from security.keys.signing import new_webhook_secret
from settings import Settings

PAIR = generate_key_pair()
REAL_CENTRE = "https://centre.example.cn"
SECRET = "a secret of the centre"


def hospitals(folder: Path, **changes: str) -> Path:
    values = {
        "url": REAL_CENTRE,
        "his_url": "http://127.0.0.1:8102",
        "app_secret": "file:secret",
        "private_key": "file:key",
        **changes,
    }
    for name, text in (("secret", SECRET), ("key", PAIR.private_key_b64), ("webhook", new_webhook_secret())):
        (folder / name).write_text(text, encoding="utf-8")
        (folder / name).chmod(0o600)
    path = folder / "hospitals.toml"
    webhook = values.get("webhook")
    path.write_text(
        f'[centres.c]\nurl = "{values["url"]}"\nplatform_public_key = "{PAIR.public_key_b64}"\n[hospitals.main]\n'
        f'centre = "c"\norg_codg = "H1"\napp_id = "{"A" * 32}"\napp_secret = "{values["app_secret"]}"\n'
        f'private_key = "{values["private_key"]}"\nhis_url = "{values["his_url"]}"\n'
        + (f'[hospitals.main.webhook]\nurl = "{webhook}"\nsecret = "file:webhook"\n' if webhook else ""),
        encoding="utf-8",
    )
    path.chmod(0o644)
    return path


def settings(**changes: Any) -> Settings:
    return Settings(_env_file=None, **changes)


def problems(path: Path, **changes: Any) -> list[str]:
    try:
        load_hospitals(path, settings(**changes).guards_keys)
    except ConfigError as error:
        return [line.partition(": ")[2] for line in str(error).splitlines()]
    return []


def test_private_files_are_taken(tmp_path: Path) -> None:
    assert problems(hospitals(tmp_path)) == []


def test_a_group_may_read_them(tmp_path: Path) -> None:
    """As secrets are mounted into containers."""
    path = hospitals(tmp_path)
    (tmp_path / "key").chmod(0o640)
    assert problems(path) == []


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o601, 0o602, 0o620, 0o660])
def test_a_key_that_others_may_read_is_refused_with_its_line(tmp_path: Path, mode: int) -> None:
    path = hospitals(tmp_path)
    (tmp_path / "key").chmod(mode)
    (problem,) = problems(path)
    assert problem == (f"hospitals.main.private_key: others may read or change {tmp_path / 'key'}: chmod o-rwx,g-w")


def test_a_secret_in_a_hospitals_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = hospitals(tmp_path, app_secret=SECRET)
    (problem,) = problems(path)
    assert problem.startswith(f"hospitals.main.app_secret: others may read or change {path}")
    path.chmod(0o640)
    assert problems(path) == []


def test_a_short_secret_is_refused(tmp_path: Path) -> None:
    path = hospitals(tmp_path, app_secret="short")
    path.chmod(0o600)
    assert problems(path) == ["hospitals.main.app_secret: has less than 16 characters"]


def test_keys_of_the_embedded_stack_are_recognised_wherever_they_are_copied_to(tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.mkdir()
    make_hospital(made, "main", Addresses("http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3"))
    key, secret = ((made / name).read_text(encoding="utf-8").strip() for name in ("main.key", "main.app-secret"))
    assert len(base64.b64decode(key, validate=True)) == 32
    path = hospitals(tmp_path, private_key=key, app_secret=secret)
    path.chmod(0o600)
    assert problems(path) == [
        "hospitals.main.app_secret: is a key for practice, which medpay up or config new made",
        "hospitals.main.private_key: is a key for practice, which medpay up or config new made",
    ]


@pytest.mark.parametrize(
    ("changes", "guarded"),
    [
        ({}, False),
        ({"api_host": "0.0.0.0"}, True),  # noqa: S104 - the point
        ({"temporal_address": "temporal.example.cn:7233"}, True),
        ({"temporal_address": "[::1]:7233"}, False),
        ({"his_url": "http://his.example.cn"}, True),
        ({"insurance_url": "http://192.0.2.7"}, True),
        ({"database_url": "postgresql://u:p@db.example.cn:5432/d"}, True),
        ({"database_url": "postgresql://u:p@127.0.0.1:5432,192.0.2.7/d"}, True),
        ({"database_url": "postgresql:///d?host=db.example.cn"}, True),
        ({"database_url": "postgresql://u:p@[::1]:5432/d"}, False),
        ({"database_url": "postgresql://localhost/d"}, False),
        ({"database_url": "postgresql:///d?host=/run/postgresql"}, False),
        ({"api_host": "0.0.0.0", "practice": True}, False),  # noqa: S104 - the point
    ],
)
def test_on_one_machine_with_the_simulators_any_key_will_do(
    tmp_path: Path,
    changes: dict[str, Any],
    guarded: bool,  # noqa: FBT001 - a case
) -> None:
    path = hospitals(tmp_path, url="http://localhost:8101", app_secret="short")
    assert bool(problems(path, **changes)) is guarded


@pytest.mark.parametrize("far", ["url", "his_url", "webhook"])
def test_any_party_of_a_hospital_elsewhere_counts(tmp_path: Path, far: str) -> None:
    places = {"url": "http://localhost:1", "his_url": "http://localhost:2", "webhook": "http://localhost:3"}
    assert problems(hospitals(tmp_path, app_secret="short", **places)) == []
    assert len(problems(hospitals(tmp_path, app_secret="short", **places | {far: "http://far.example.cn"}))) == 2


def test_a_file_that_others_may_write_is_refused_on_one_machine_too(tmp_path: Path) -> None:
    """Whoever can write it can give themselves an approver's key."""
    path = hospitals(tmp_path, url="http://localhost:8101")
    path.chmod(0o646)
    assert problems(path) == [f"others may write to {path}: take that from its mode (chmod go-w)"]


def test_a_signing_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = hospitals(tmp_path)
    (tmp_path / "signing").write_text("s" * 32, encoding="utf-8")
    (tmp_path / "signing").chmod(0o644)
    key = f'[[hospitals.main.keys]]\nname = "a"\nrole = "caller"\nsha256 = "{"0" * 64}"\n'
    path.write_text(f'{path.read_text(encoding="utf-8")}{key}hmac_secret = "file:signing"\n', encoding="utf-8")
    (problem,) = problems(path)
    assert problem.startswith("hospitals.main.keys[0].hmac_secret: others may read or change")


def test_a_secret_in_dot_env_that_others_may_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = hospitals(tmp_path, app_secret="env:CENTRE_SECRET")
    (tmp_path / ".env").write_text(f"CENTRE_SECRET={SECRET}\n", encoding="utf-8")
    for mode, count in ((0o644, 1), (0o640, 0)):
        (tmp_path / ".env").chmod(mode)
        assert len(problems(path)) == count


def test_practice_says_so_for_a_centre_elsewhere_too(tmp_path: Path) -> None:
    path = hospitals(tmp_path, app_secret="short")
    assert problems(path, practice=True) == []
    assert problems(path) != []


def test_a_key_in_a_hardware_module_has_no_file(tmp_path: Path) -> None:
    path = hospitals(tmp_path, private_key="hsm:slot-1")
    assert load_hospitals(path, settings().guards_keys)["main"].private_key == "hsm:slot-1"
