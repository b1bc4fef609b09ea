"""The `medpay` command as a process: help, exit codes, and failures in one line."""

import base64
import json
import socket
import stat
from pathlib import Path

import pytest

from security.crypto.gcm import SealCipher
from security.crypto.keyring import Keyring
from security.crypto.sm import generate_key_pair
from tests.support.stack.medpay_up import medpay_environment, run_medpay

PAIR = generate_key_pair()
HOSPITALS = f"""\
[centres.sim]
url = "http://127.0.0.1:8101"
platform_public_key = "{PAIR.public_key_b64}"
[hospitals.main]
centre = "sim"
org_codg = "H1"
app_id = "0123456789ABCDEF"
app_secret = "a-secret-of-some-length"
private_key = "{PAIR.private_key_b64}"
his_url = "http://127.0.0.1:8102"
"""


def _file(folder: Path, text: str = HOSPITALS) -> dict[str, str]:
    (folder / "h.toml").write_text(text, encoding="utf-8")
    (folder / "h.toml").chmod(0o600)
    Keyring.generate(SealCipher.SM4).save(folder / "k.json")
    return medpay_environment(folder / "data", MEDPAY_HOSPITALS_FILE="h.toml", MEDPAY_KEYRING_FILE="k.json")


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(
    "arguments",
    [
        ["reconcile"],
        ["up", "--port"],
        ["audit", "export"],
        ["keys", "new", "door"],
        ["payments", "list", "--state", "GONE"],
        ["payments", "list", "--limit", "0"],
        ["payments", "list", "--to", "soon"],
    ],
)
async def test_wrong_use_ends_with_2(tmp_path: Path, arguments: list[str]) -> None:
    code, _, errors = await run_medpay(*arguments, cwd=tmp_path, environment=medpay_environment(tmp_path))
    assert code == 2
    assert "Traceback" not in errors


class TestConfigCheck:
    async def test_good(self, tmp_path: Path) -> None:
        code, output, _ = await run_medpay("config", "check", cwd=tmp_path, environment=_file(tmp_path))
        assert (code, output) == (0, "OK: h.toml, 1 hospital(s): main\n")

    async def test_hospitals_that_share_an_account_are_named(self, tmp_path: Path) -> None:
        account = HOSPITALS.partition("[hospitals.main]")[2]
        environment = _file(tmp_path, f"{HOSPITALS}\n[hospitals.annex]{account}")
        code, output, _ = await run_medpay("config", "check", cwd=tmp_path, environment=environment)
        assert code == 0
        assert "main, annex share an account at the centre" in output

    async def test_every_error_and_exit_1(self, tmp_path: Path) -> None:
        environment = _file(tmp_path, HOSPITALS.replace("http:", "gopher:"))
        code, _, errors = await run_medpay("config", "check", cwd=tmp_path, environment=environment)
        assert code == 1
        assert errors.splitlines() == [
            "h.toml:2: centres.sim.url: must be an http:// or https:// address",
            "h.toml:10: hospitals.main.his_url: must be an http:// or https:// address",
        ]

    async def test_json(self, tmp_path: Path) -> None:
        environment = {**_file(tmp_path), "MEDPAY_HOSPITAL": "west"}
        code, output, _ = await run_medpay("config", "check", "--json", cwd=tmp_path, environment=environment)
        errors = ["MEDPAY_HOSPITAL: west is not in h.toml (there: main)"]
        assert (code, json.loads(output)) == (1, {"ok": False, "errors": errors})

    async def test_an_api_open_to_others_needs_a_key(self, tmp_path: Path) -> None:
        environment = {**_file(tmp_path), "MEDPAY_API_HOST": "0.0.0.0"}  # noqa: S104 - refused, which is the point
        code, _, errors = await run_medpay("config", "check", cwd=tmp_path, environment=environment)
        assert (code, errors) == (1, "MEDPAY_API_KEY: no key is configured, and 0.0.0.0 is not loopback\n")

    async def test_a_new_folder_to_practise_with_is_right(self, tmp_path: Path) -> None:
        made_here = {"MEDPAY_HOSPITALS_FILE": "practice/hospitals.toml", "MEDPAY_KEYRING_FILE": "practice/keyring.json"}
        environment = medpay_environment(tmp_path / "data", **made_here)
        (tmp_path / "practice").mkdir(mode=0o755)
        made, _, _ = await run_medpay("config", "new", "practice", cwd=tmp_path, environment=environment)
        checked, _, _ = await run_medpay("config", "check", cwd=tmp_path, environment=environment)
        again, _, errors = await run_medpay("config", "new", "practice", cwd=tmp_path, environment=environment)
        assert (made, checked, again) == (0, 0, 2)
        assert errors == "practice is not empty; keys are never overwritten\n"
        folder = tmp_path / "practice"
        assert {_mode(file) for file in folder.iterdir()} | {_mode(folder)} == {0o600, 0o700}


class TestKeys:
    async def test_a_hospitals_pair(self, tmp_path: Path) -> None:
        environment = medpay_environment(tmp_path)
        arguments = ("keys", "new", "hospital", "--output", "main.key")
        code, output, _ = await run_medpay(*arguments, cwd=tmp_path, environment=environment)
        public = output.splitlines()[0].rpartition(" ")[2]
        assert code == 0
        assert len(base64.b64decode(public)) == 65
        assert _mode(tmp_path / "main.key") == 0o600
        again, _, errors = await run_medpay(*arguments, cwd=tmp_path, environment=environment)
        assert (again, errors) == (2, "--output: main.key exists; a key is never overwritten\n")

    async def test_a_callers_key_fits_the_hospitals_file(self, tmp_path: Path) -> None:
        environment = medpay_environment(tmp_path)
        _, output, _ = await run_medpay("keys", "new", "caller", cwd=tmp_path, environment=environment)
        stanza = output.partition("file:\n")[2].replace("MY_HOSPITAL", "main")
        code, _, errors = await run_medpay(
            "config", "check", cwd=tmp_path, environment=_file(tmp_path, HOSPITALS + stanza)
        )
        assert (code, errors) == (0, "")


class TestNobodyThere:
    """What each command says where the other side is not there."""

    @pytest.mark.parametrize(
        "arguments",
        [["worker"], ["worker", "--check"], ["search-attributes", "register"], ["audit", "export", "--payment", "x"]],
        ids=" ".join,
    )
    async def test_no_temporal(self, tmp_path: Path, arguments: list[str]) -> None:
        environment = {
            **_file(tmp_path),
            "MEDPAY_TEMPORAL_ADDRESS": "127.0.0.1:1",
            "MEDPAY_KEYRING_FILE": "k.json",
            "MEDPAY_DATABASE_URL": "sqlite:///records.db",
        }
        await run_medpay("keys", "new", "keyring", "--output", "k.json", cwd=tmp_path, environment=environment)
        await run_medpay("database", "upgrade", cwd=tmp_path, environment=environment)
        code, _, errors = await run_medpay(*arguments, cwd=tmp_path, environment=environment)
        assert (code, errors) == (1, "MEDPAY_TEMPORAL_ADDRESS: no Temporal answers at 127.0.0.1:1\n")

    @pytest.mark.parametrize("arguments", [["worker"], ["payments", "show", "x"]], ids=" ".join)
    async def test_no_tables(self, tmp_path: Path, arguments: list[str]) -> None:
        environment = {
            **_file(tmp_path),
            "MEDPAY_KEYRING_FILE": "k.json",
            "MEDPAY_DATABASE_URL": "sqlite:///records.db",
        }
        await run_medpay("keys", "new", "keyring", "--output", "k.json", cwd=tmp_path, environment=environment)
        code, _, errors = await run_medpay(*arguments, cwd=tmp_path, environment=environment)
        assert code == 1
        assert errors.startswith("MEDPAY_DATABASE_URL: the database can't be used: no such table: ")
        assert errors.endswith("(medpay database upgrade makes it)\n")

    async def test_a_postgres_that_accepts_and_never_answers(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            environment = {
                **_file(tmp_path),
                "MEDPAY_KEYRING_FILE": "k.json",
                "MEDPAY_DATABASE_URL": f"postgresql://medpay:PASSWORD@127.0.0.1:{silent.getsockname()[1]}/medpay",
            }
            await run_medpay("keys", "new", "keyring", "--output", "k.json", cwd=tmp_path, environment=environment)
            code, _, errors = await run_medpay("worker", cwd=tmp_path, environment=environment)
        what = "MEDPAY_DATABASE_URL: the database can't be used: it does not answer within 10 s\n"
        assert (code, errors) == (1, what)

    async def test_no_keyring(self, tmp_path: Path) -> None:
        environment = _file(tmp_path)
        (tmp_path / "k.json").unlink()
        code, _, errors = await run_medpay("payments", "show", "x", cwd=tmp_path, environment=environment)
        assert code == 2
        assert errors.startswith("MEDPAY_KEYRING_FILE: ")
        assert errors.count("\n") == 1

    async def test_no_history_file(self, tmp_path: Path) -> None:
        environment = medpay_environment(tmp_path, MEDPAY_KEYRING_FILE="k.json")
        await run_medpay("keys", "new", "keyring", "--output", "k.json", cwd=tmp_path, environment=environment)
        (tmp_path / "odd.json").write_text("[]", encoding="utf-8")
        code, output, _ = await run_medpay(
            "audit", "replay", "gone.json", "odd.json", cwd=tmp_path, environment=environment
        )
        assert code == 1
        assert output.splitlines() == [
            "FAIL gone.json: can't be read: No such file or directory",
            "FAIL odd.json: is not a history written by `medpay audit export`",
        ]
