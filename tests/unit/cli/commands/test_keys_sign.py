"""`medpay keys new signing` and `keys sign`."""

import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.commands.keys import app
from cli.configuration import CommandError
from security.keys.signing import signature

ORDER = b'{"medOrgOrd": "M1"}'


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def failure(*arguments: str) -> str:
    error = run(*arguments).exception
    assert isinstance(error, CommandError)
    assert error.exit_code == 2
    return str(error)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "backend.signing"
    result = run("new", "signing", "--output", str(path))
    assert result.exit_code == 0
    assert 'hmac_secret = "file:backend.signing"' in result.output
    assert path.read_text(encoding="utf-8").strip() not in result.output
    return path


def test_the_secret_is_its_owner_s_alone(secret: Path) -> None:
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600


def test_headers_are_as_curl_takes_them_and_verify(secret: Path, tmp_path: Path) -> None:
    (tmp_path / "order.json").write_bytes(ORDER)
    result = run("sign", "post", "/api/x?a=1", "--secret-file", str(secret), "--body", str(tmp_path / "order.json"))
    headers = dict(line.split(": ") for line in result.output.splitlines())
    key = secret.read_text(encoding="utf-8").strip()
    made = signature(key, "POST", "/api/x?a=1", ORDER, timestamp=headers["X-Timestamp"], nonce=headers["X-Nonce"])
    assert headers["X-Signature"] == made


def test_wrong_use_is_one_line(secret: Path, tmp_path: Path) -> None:
    (tmp_path / "short").write_text("short", encoding="utf-8")
    assert failure("sign", "GET", "http://h/x", "--secret-file", str(secret)).startswith("PATH: ")
    assert failure("sign", "GET", "/x", "--secret-file", str(tmp_path / "no")).startswith("--secret-file: can't read")
    assert failure("sign", "GET", "/x", "--secret-file", str(tmp_path / "short")).endswith("makes one")
    assert failure("sign", "GET", "/x", "--secret-file", str(secret), "--body", "/no").startswith("--body: can't read")
