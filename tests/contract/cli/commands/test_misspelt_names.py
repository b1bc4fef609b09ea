"""A misspelt `MEDPAY_` name is named before anything starts: an error in `.env`, a warning in the environment."""

import json
from pathlib import Path

import pytest

from tests.contract.cli.commands.test_every_command import HOSPITALS
from tests.support.stack.medpay_up import medpay_environment, run_medpay

KEYRING = json.dumps({"active": "k1", "keys": {"k1": "MTExMTExMTExMTExMTExMQ=="}, "digest_key": "ZGRk" * 10 + "ZGQ="})
STARTS = (["up"], ["worker"], ["api"], ["config", "check"], ["simulator", "his"], ["payments", "list"])
IN_FILE = ".env:2: MEDPAY_API_PROT: there is no such setting; is MEDPAY_API_PORT meant?\n"
IN_ENVIRONMENT = "Warning: MEDPAY_SYNC_WAIT: there is no such setting; is MEDPAY_SYNC_WAIT_S meant?\n"


def place(folder: Path, dot_env: str = "", hospitals: str = HOSPITALS, **variables: str) -> dict[str, str]:
    (folder / "h.toml").write_text(hospitals, encoding="utf-8")
    (folder / ".env").write_text(dot_env, encoding="utf-8")
    return medpay_environment(folder / "data", MEDPAY_HOSPITALS_FILE="h.toml", **variables)


@pytest.mark.parametrize("command", STARTS, ids=" ".join)
async def test_in_dot_env_nothing_starts(tmp_path: Path, command: list[str]) -> None:
    environment = place(tmp_path, "MEDPAY_LOG_LEVEL=info\nMEDPAY_API_PROT=9001\n")
    code, _, errors = await run_medpay(*command, cwd=tmp_path, environment=environment)
    assert (code, errors) == (1 if command == ["config", "check"] else 2, IN_FILE)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("command", [["worker"], ["api"], ["config", "check"], ["payments", "list"]], ids=" ".join)
async def test_in_the_environment_it_is_a_warning(tmp_path: Path, command: list[str]) -> None:
    # With a keyring the API would start.
    keyring = {"MEDPAY_KEYRING": KEYRING} if command == ["config", "check"] else {}
    environment = place(tmp_path, MEDPAY_SYNC_WAIT="3", **keyring)
    code, _, errors = await run_medpay(*command, cwd=tmp_path, environment=environment)
    assert errors.startswith(IN_ENVIRONMENT)
    assert (code == 0) == (command == ["config", "check"])


async def test_up_warns_and_names_other_wrong_settings_too(tmp_path: Path) -> None:
    environment = place(tmp_path, "\nMEDPAY_API_PROT=1", MEDPAY_PAYMENT_WINDOW_S="0")
    code, _, errors = await run_medpay("up", cwd=tmp_path, environment=environment)
    window = "MEDPAY_PAYMENT_WINDOW_S: Input should be greater than or equal to 1\n"
    assert (code, errors) == (2, window + IN_FILE)


async def test_names_that_the_hospitals_file_gives_its_secrets_are_right(tmp_path: Path) -> None:
    hospitals = HOSPITALS.replace('"a-secret-of-some-length"', '"env:MEDPAY_MAIN_SECRET"')
    environment = place(
        tmp_path, "\ufeffMEDPAY_MAIN_SECRET=a-secret-of-some-length\r\n", hospitals, MEDPAY_KEYRING=KEYRING
    )
    code, output, errors = await run_medpay("config", "check", cwd=tmp_path, environment=environment)
    assert (code, output, errors) == (0, "OK: h.toml, 1 hospital(s): main\n", "")


async def test_the_names_of_docker_compose_are_right(tmp_path: Path) -> None:
    """Its `.env` may be the same file."""
    names = "MEDPAY_UID=1\nMEDPAY_CONFIG_DIR=.\nMEDPAY_DATABASE_PASSWORD=x\nTEMPORAL_DATABASE_PASSWORD=y\n"
    environment = place(tmp_path, names, MEDPAY_KEYRING=KEYRING)
    code, _, errors = await run_medpay("config", "check", cwd=tmp_path, environment=environment)
    assert (code, errors) == (0, "")


@pytest.mark.parametrize(("encoding", "likeness"), [("gbk", "GBK"), ("utf-16", "UTF-16")])
async def test_a_dot_env_in_another_encoding_is_named(tmp_path: Path, encoding: str, likeness: str) -> None:
    environment = place(tmp_path)
    (tmp_path / ".env").write_bytes("# 端口\nMEDPAY_API_PORT=9001\n".encode(encoding))
    code, _, errors = await run_medpay("config", "check", "--json", cwd=tmp_path, environment=environment)
    assert (code, errors) == (1, "")
    code, _, errors = await run_medpay("api", cwd=tmp_path, environment=environment)
    assert (code, errors) == (2, f".env is not UTF-8 text, but looks like {likeness}: save it as UTF-8\n")
