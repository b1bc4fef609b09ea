"""`medpay up` for real: the whole stack as processes, and how it starts, lasts and ends."""

import base64
import json
import os
import signal
import stat
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cli.stack.ports import with_ports
from settings import Settings
from tests.support.stack.medpay_up import RunningStack, medpay_environment, run_medpay
from tests.support.waiting import eventually, is_gone, until

COMPONENTS = {"temporal", "temporal-ui", "simulator-insurance", "simulator-his", "worker", "api"}


async def _pre_settle(stack: RunningStack, **changes: str) -> str:
    """The payOrdId."""
    order = {
        "payAuthNo": "auth-up-1",
        "uldLatlnt": "0,0",
        "PATIENT_ID": "100001",
        "ID_NO": "110101199003070134",
        "CATEGORY": "2",
        "ORDER_ID": "300001",
        "TOTAL": "128.50",
        "medOrgOrd": "up-1",
    }
    answer = await _post(stack, f"{stack.addresses['api']}/api/v1/insurance/pre-settle", order | changes)
    assert answer["CODE"] == 0
    return str(answer["DATA"]["payOrdId"])


async def _post(stack: RunningStack, url: str, body: object) -> dict[str, Any]:
    key = _text(stack.addresses["api_key_file"]).strip()
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as session,
        session.post(url, json=body) as response,
    ):
        answer: dict[str, Any] = await response.json()
        return answer


def _call_the_first_activity_otherwise(history: Path, changed: Path) -> None:
    """What a history looks like that today's code would not have written."""
    events = json.loads(_text(history))
    first = next(e for e in events["events"] if e["eventType"] == "EVENT_TYPE_MARKER_RECORDED")
    # A local activity's name is in its marker, readable but encoded.
    for detail in first["markerRecordedEventAttributes"]["details"].values():
        for payload in detail["payloads"]:
            text = base64.b64decode(payload["data"]).replace(b"his_price_bill", b"his_find_booking")
            payload["data"] = base64.b64encode(text).decode()
    changed.write_text(json.dumps(events), encoding="utf-8")


def _text(file: str | Path) -> str:
    return Path(file).read_text(encoding="utf-8")


async def _status(url: str, **headers: str) -> int:
    async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as response:
        return response.status


@pytest.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningStack]:
    """Shared by `TestLife`, whose last test ends it."""
    folder = tmp_path_factory.mktemp("up")
    running = await RunningStack.start(folder, medpay_environment(folder / "data"))
    yield running
    await running.stop()


class TestLife:
    async def test_everything_is_ready_when_it_says_so(self, stack: RunningStack) -> None:
        assert stack.pids.keys() == COMPONENTS
        assert await _status(f"{stack.addresses['api']}/health/ready") == 200
        assert await _status(stack.addresses["docs"]) == 200
        assert await _status(stack.addresses["temporal_ui"]) == 200
        assert await _status(f"{stack.addresses['simulator_insurance']}/_sim/health") == 200
        assert await _status(f"{stack.addresses['simulator_his']}/_sim/health") == 200

    async def test_the_generated_key_opens_the_api(self, stack: RunningStack) -> None:
        url = f"{stack.addresses['api']}/api/v1/payments/unknown"
        key = _text(stack.addresses["api_key_file"]).strip()
        assert await _status(url) == 401
        assert await _status(url, Authorization=f"Bearer {key}") == 404

    def test_all_that_it_keeps_is_its_owners_alone(self, stack: RunningStack) -> None:
        data = Path(stack.addresses["data_dir"])
        modes = {place.name: stat.S_IMODE(place.stat().st_mode) for place in (data, *data.rglob("*"))}
        secrets = {
            "api-key",
            "keyring.json",
            "main.key",
            "main.app-secret",
            "centre.key",
            "operator-key",
            "approver-key",
        }
        assert secrets | {"medpay.db", "temporal.db", "api.log", "temporal.log", "simulator-his.db"} <= modes.keys()
        assert {name: mode for name, mode in modes.items() if mode & 0o077} == {}

    def test_the_hospitals_file_is_the_contracts(self, stack: RunningStack) -> None:
        file = tomllib.loads(_text(stack.addresses["hospitals_file"]))
        assert file["centres"]["sim"]["url"] == stack.addresses["simulator_insurance"]
        assert file["hospitals"]["main"]["his_url"] == stack.addresses["simulator_his"]
        assert len(file["hospitals"]["main"]["app_id"]) == 32

    async def test_a_second_one_in_the_same_folder_says_so(self, stack: RunningStack, tmp_path: Path) -> None:
        environment = medpay_environment(Path(stack.addresses["data_dir"]))
        code, _, errors = await run_medpay("up", cwd=tmp_path, environment=environment)
        assert (code, errors.count("\n")) == (1, 1)
        assert f"is in use by another medpay up (process {stack.process.pid})" in errors

    async def test_a_taken_port_by_choice_names_its_setting(self, stack: RunningStack, tmp_path: Path) -> None:
        taken = stack.addresses["api"].rpartition(":")[2]
        environment = medpay_environment(tmp_path / "data", MEDPAY_API_PORT=taken)
        code, _, errors = await run_medpay("up", cwd=tmp_path, environment=environment)
        assert (code, errors) == (2, f"MEDPAY_API_PORT: port {taken} on 127.0.0.1 is taken\n")

    async def test_a_payment_can_be_shown_exported_and_replayed(self, stack: RunningStack, tmp_path: Path) -> None:
        await _pre_settle(stack)
        environment = medpay_environment(
            Path(stack.addresses["data_dir"]), MEDPAY_TEMPORAL_ADDRESS=stack.addresses["temporal"]
        )

        async def medpay(*arguments: str) -> tuple[int, str, str]:
            return await run_medpay(*arguments, cwd=tmp_path, environment=environment)

        _, shown, _ = await medpay("payments", "show", "up-1", "--json")
        assert json.loads(shown)["state"] == "PRE_SETTLED"
        assert json.loads(shown)["fundPay"] == "77.10"
        assert "110101199003070134" not in shown
        assert "张三" not in shown

        exported, _, _ = await medpay("audit", "export", "--payment", "up-1", "--output", "up-1.json")
        assert "110101199003070134" not in _text(tmp_path / "up-1.json")
        _call_the_first_activity_otherwise(tmp_path / "up-1.json", tmp_path / "changed.json")
        replayed, verdicts, _ = await medpay("audit", "replay", "up-1.json", "changed.json")
        assert (exported, replayed) == (0, 1)
        good, bad = verdicts.splitlines()
        assert good == "PASS up-1.json"
        assert bad.startswith("FAIL changed.json: ")

        code, _, errors = await medpay("audit", "export", "--payment", "nobody")
        assert (code, errors.partition(" (")[0]) == (1, "Temporal has no payment-main-nobody")

    async def test_a_payment_that_was_started_again_is_listed_once_and_exported_whole(
        self, stack: RunningStack, tmp_path: Path
    ) -> None:
        """Money that came late, after the payment was cancelled."""
        pay_ord_id = await _pre_settle(stack, medOrgOrd="up-2", ORDER_ID="900099", TOTAL="1.00", payAuthNo="auth-up-2")
        await _post(stack, f"{stack.addresses['api']}/api/v1/payments/up-2/cancel", {})
        pay = f"{stack.addresses['simulator_insurance']}/_sim/orders/{pay_ord_id}/pay"
        assert (await _post(stack, pay, {"outcome": "paid", "notify": True}))["notified"] is True
        environment = medpay_environment(
            Path(stack.addresses["data_dir"]), MEDPAY_TEMPORAL_ADDRESS=stack.addresses["temporal"]
        )

        async def medpay(*arguments: str) -> str:
            code, output, errors = await run_medpay(*arguments, cwd=tmp_path, environment=environment)
            assert code == 0, errors
            return output

        async def reviewed() -> bool:
            listed = json.loads(await medpay("payments", "list", "--state", "IN_REVIEW", "--json"))
            return [(line["medOrgOrd"], line["note"]) for line in listed] == [("up-2", "LATE_MONEY")]

        await eventually(reviewed)
        exported = await medpay("audit", "export", "--payment", "up-2", "--output", "up-2.json")
        assert [line.partition(" in ")[2] for line in exported.splitlines()] == ["up-2.json", "up-2-2.json"]
        replayed = await medpay("audit", "replay", "up-2.json", "up-2-2.json")
        assert replayed.splitlines() == ["PASS up-2.json", "PASS up-2-2.json"]
        assert (await medpay("payments", "list", "--limit", "1")).split()[2:4] == ["up-2", "IN_REVIEW"]
        assert await medpay("payments", "list", "--from", "2030-01-01") == ""

    async def test_one_that_dies_is_named_and_the_others_go(self, stack: RunningStack) -> None:
        os.kill(stack.pids["simulator-his"], signal.SIGKILL)
        code, errors = await stack.ended()
        assert code == 1
        assert "simulator-his ended by itself (signal SIGKILL); the end of " in errors
        assert "Traceback" not in errors
        assert [name for name, pid in stack.pids.items() if not is_gone(pid)] == []


async def test_sigterm_stops_all_and_a_restart_finds_keys_and_ports_again(tmp_path: Path) -> None:
    environment = medpay_environment(tmp_path / "data")
    (tmp_path / "data").mkdir(mode=0o755)
    # As if an earlier start had found the defaults taken: another test may take them while this stack is down.
    with_ports(Settings(_env_file=None, data_dir=tmp_path / "data"), tmp_path / "data", on_any=True)
    first = await RunningStack.start(tmp_path, environment)
    key = (tmp_path / "data" / "api-key").read_bytes()
    code, _ = await first.stop()
    assert code == 0
    assert [name for name, pid in first.pids.items() if not is_gone(pid)] == []

    second = await RunningStack.start(tmp_path, environment)
    try:
        assert second.addresses == first.addresses
        assert (tmp_path / "data" / "api-key").read_bytes() == key
        second.process.kill()
        await second.process.wait()
        await until(lambda: all(is_gone(pid) for pid in second.pids.values()))
        assert all(is_gone(pid) for pid in second.pids.values())
    finally:
        await second.stop()


async def test_a_wrong_setting_stops_the_start_with_its_name(tmp_path: Path) -> None:
    environment = medpay_environment(tmp_path / "data", MEDPAY_PAYMENT_WINDOW_S="0")
    code, output, errors = await run_medpay("up", cwd=tmp_path, environment=environment)
    assert (code, output) == (2, "")
    assert errors == "MEDPAY_PAYMENT_WINDOW_S: Input should be greater than or equal to 1\n"


async def test_a_component_that_can_not_start_is_shown_with_its_log(tmp_path: Path) -> None:
    broken = tmp_path / "temporal"
    broken.write_text("#!/bin/sh\necho 'no such flag'\nexit 4\n", encoding="utf-8")
    broken.chmod(0o755)
    environment = medpay_environment(tmp_path / "data", MEDPAY_TEMPORAL_CLI=str(broken))
    code, _, errors = await run_medpay("up", cwd=tmp_path, environment=environment)
    assert code == 1
    assert errors == (
        f"temporal ended by itself (exit code 4); the end of {tmp_path}/data/logs/temporal.log:\n  no such flag\n"
    )
