"""Every command on terminals that lack characters, in GBK and in ASCII, and where nobody reads the output."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import aiohttp
import pytest
import typer.main

from cli.main import COMMANDS, build
from tests.support.stack.medpay_up import RunningStack, medpay_environment, run_medpay, start_medpay
from tests.support.waiting import eventually

ORDER = {
    "payAuthNo": "auth-t",
    "uldLatlnt": "0,0",
    "PATIENT_ID": "100001",
    "ID_NO": "110101199003070134",
    "CATEGORY": "2",
    "ORDER_ID": "900099",
    "TOTAL": "1.00",
    "medOrgOrd": "t-1",
}


ONE_AFTER_THE_OTHER = """
import json, sys
from cli import terminal
from cli.main import build

terminal.prepare()
for command in json.loads(sys.argv[1]):
    try:
        build(command)(command, prog_name="medpay")
    except SystemExit as end:
        assert not end.code, command
    print("=" * 8, flush=True)
"""
"""Commands in one process, since each takes a second to start. Their output is parted by lines of =."""


def every_help() -> list[list[str]]:
    commands = [["--help"]]
    for name, group in typer.main.get_command(build([])).commands.items():  # type: ignore[attr-defined]
        commands += [[name, "--help"], *([name, command, "--help"] for command in getattr(group, "commands", {}))]
    return commands


async def outputs(folder: Path, environment: dict[str, str], encoding: str, *commands: Sequence[str]) -> list[str]:
    """What each command prints on a terminal of `encoding`. All must succeed without a complaint."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-c", ONE_AFTER_THE_OTHER, json.dumps(commands)),
        cwd=folder,
        env={**environment, "PYTHONIOENCODING": encoding},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert (process.returncode, errors.decode()) == (0, "")
    # Click takes ASCII for a mistake, and writes UTF-8.
    return output.decode("utf-8" if encoding == "ascii" else encoding).split("========\n")[:-1]


async def _post(url: str, key: str, body: object) -> dict[str, str]:
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as session,
        session.post(url, json=body) as response,
    ):
        answer: dict[str, dict[str, str]] = await response.json()
        return answer.get("DATA", {})


@pytest.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningStack]:
    """Started from a terminal without Chinese, with one payment that people must decide."""
    folder = tmp_path_factory.mktemp("terminal")
    running = await RunningStack.start(folder, medpay_environment(folder / "data", PYTHONIOENCODING="ascii"))
    key = (folder / "data" / "api-key").read_text(encoding="ascii").strip()
    api, centre = running.addresses["api"], running.addresses["simulator_insurance"]
    placed = await _post(f"{api}/api/v1/insurance/pre-settle", key, ORDER)
    await _post(f"{api}/api/v1/payments/t-1/cancel", key, {})
    await _post(f"{centre}/_sim/orders/{placed['payOrdId']}/pay", key, {"outcome": "paid", "notify": True})

    async def in_review() -> bool:
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as session,
            session.get(f"{api}/api/v1/payments/t-1") as response,
        ):
            return bool((await response.json())["DATA"]["state"] == "IN_REVIEW")

    await eventually(in_review)
    yield running
    await running.stop()


class TestLackingCharacters:
    async def test_the_help_of_every_command(self, tmp_path: Path) -> None:
        commands = every_help()
        printed = await outputs(tmp_path, medpay_environment(tmp_path), "gbk", *commands)
        assert [text.count("Usage: medpay") for text in printed] == [1] * len(commands)
        assert len(commands) > len(COMMANDS) * 2

    @pytest.mark.parametrize("encoding", ["gbk", "ascii"])
    async def test_every_command_that_shows_data(self, stack: RunningStack, tmp_path: Path, encoding: str) -> None:
        environment = medpay_environment(
            Path(stack.addresses["data_dir"]),
            MEDPAY_TEMPORAL_ADDRESS=stack.addresses["temporal"],
            MEDPAY_PRACTICE="true",
        )
        api = ("--api", stack.addresses["api"], "--key-file", stack.addresses["operator_key_file"])
        shown, shown_json, case, cases, made, *_ = await outputs(
            tmp_path,
            environment,
            encoding,
            ("payments", "show", "t-1"),
            ("payments", "show", "t-1", "--json"),
            ("review", "show", "t-1", *api),
            ("review", "list", "--json", *api),
            ("keys", "new", "caller", "--name", "李•雷"),
            ("payments", "list"),
            ("notifications", "list"),
            ("review", "list", *api),
            ("audit", "export", "--payment", "t-1", "--output", "t.json"),
            ("audit", "replay", "t.json"),
            ("audit", "access"),
            ("audit", "verify"),
            ("keys", "check", "--histories"),
            ("database", "upgrade"),
            ("worker", "--check"),
            ("config", "check"),
        )
        assert "LATE_MONEY" in shown
        assert json.loads(shown_json)["medOrgOrd"] == "t-1"
        [message] = [row["message"] for row in json.loads(cases) if row["medOrgOrd"] == "t-1"]
        assert any(ord(char) > 0x4E00 for char in message)
        assert message in case
        assert ("李\\u2022雷" if encoding == "gbk" else "李•雷") in made

    async def test_the_logs_of_the_components_are_utf8(self, stack: RunningStack) -> None:
        logs = Path(stack.addresses["data_dir"]) / "logs"
        assert "\\u" not in "".join(log.read_text(encoding="utf-8") for log in logs.glob("*.log"))

    @pytest.mark.parametrize("encoding", ["gbk", "ascii"])
    async def test_a_failure_that_names_a_file(self, tmp_path: Path, encoding: str) -> None:
        environment = medpay_environment(tmp_path, MEDPAY_HOSPITALS_FILE="医院•𠮷.toml")
        code, _, errors = await run_medpay(
            "config", "check", cwd=tmp_path, environment=environment, encoding=encoding, new_interpreter=True
        )
        name = "医院\\u2022\\ud842\\udfb7.toml" if encoding == "gbk" else "医院•𠮷.toml"
        assert (code, errors) == (1, f"MEDPAY_HOSPITALS_FILE: there is no file {name}\n")

    async def test_where_python_is_told_to_use_a_c_locale(self, tmp_path: Path) -> None:
        environment = medpay_environment(
            tmp_path, LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0", MEDPAY_HOSPITALS_FILE="h.toml"
        )
        (tmp_path / "h.toml").write_text('[centres.sim]\nurl = "医院"\n', encoding="utf-8")
        code, _, errors = await run_medpay(
            "config", "check", "--json", cwd=tmp_path, environment=environment, new_interpreter=True
        )
        assert (code, errors) == (1, "")


class TestNobodyReads:
    """`medpay … | head`, after head has gone."""

    @staticmethod
    async def _without_a_reader(folder: Path, *arguments: str, errors_too: bool = False) -> tuple[int | None, str]:
        reader, writer = os.pipe()
        os.close(reader)
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "cli", *arguments),
                cwd=folder,
                env=medpay_environment(folder),
                stdout=writer,
                stderr=writer if errors_too else asyncio.subprocess.PIPE,
            )
            _, errors = await process.communicate()
        finally:
            os.close(writer)
        return process.returncode, (errors or b"").decode()

    @pytest.mark.parametrize("arguments", [["--help"], ["keys", "new", "caller"], ["config", "check", "--json"]])
    async def test_it_ends_quietly(self, tmp_path: Path, arguments: list[str]) -> None:
        code, errors = await self._without_a_reader(tmp_path, *arguments)
        assert (code, errors) == (1, "")

    async def test_nor_the_complaints(self, tmp_path: Path) -> None:
        assert await self._without_a_reader(tmp_path, "config", "check", errors_too=True) == (1, "")

    async def test_a_process_without_output_at_all(self, tmp_path: Path) -> None:
        command = f"exec {sys.executable} -P -m cli config check >&- 2>&-"
        process = await asyncio.create_subprocess_exec(
            "sh", "-c", command, cwd=tmp_path, env=medpay_environment(tmp_path)
        )
        assert await process.wait() == 1

    async def test_up_stops_what_it_started(self, tmp_path: Path) -> None:
        process = await start_medpay("up", cwd=tmp_path, environment=medpay_environment(tmp_path / "data"))
        assert process.stdout is not None
        assert process.stderr is not None
        await process.stdout.readline()
        process.stdout._transport.close()  # type: ignore[attr-defined]  # as a reader does that has seen enough
        errors = await process.stderr.read()
        assert (await process.wait(), b"Traceback" in errors) == (1, False)
