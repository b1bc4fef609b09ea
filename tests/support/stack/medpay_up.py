"""`medpay` commands as processes of their own, and `medpay up` as `make up` runs it."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import Process
from dataclasses import dataclass
from pathlib import Path

from tests.support.stack.fork_server import Request
from tests.support.stack.forked import run_forked

READY_S_MAX = 180.0
STOP_S_MAX = 60.0


def medpay_environment(data_dir: Path, **settings: str) -> dict[str, str]:
    """The environment without the developer's own settings."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MEDPAY_")}
    return {**clean, "MEDPAY_DATA_DIR": str(data_dir), **settings}


async def start_medpay(*arguments: str, cwd: Path, environment: dict[str, str]) -> Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "cli", *arguments),
        cwd=cwd,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )


async def run_medpay(
    *arguments: str, cwd: Path, environment: dict[str, str], encoding: str = "utf-8", new_interpreter: bool = False
) -> tuple[int, str, str]:
    """Exit code, standard output, standard error. `encoding`: of its terminal and of what is written to that.

    The two differ where the terminal is said to be ASCII: Click takes that for a mistake, and writes UTF-8.
    `new_interpreter`: for what Python itself reads at its start, or else the process is forked from `fork_server`.
    """
    environment = environment if encoding == "utf-8" else {**environment, "PYTHONIOENCODING": encoding}
    encoding = "utf-8" if encoding == "ascii" else encoding
    async with asyncio.timeout(READY_S_MAX):
        if new_interpreter:
            process = await start_medpay(*arguments, cwd=cwd, environment=environment)
            output, errors = await process.communicate()
            code = process.returncode
        else:
            request = Request(module="cli", arguments=arguments, cwd=str(cwd), environment=environment)
            code, output, errors = await run_forked(request)
    if code is None:
        raise AssertionError("it ended without an exit code")
    return code, output.decode(encoding), errors.decode(encoding)


@dataclass
class RunningStack:
    process: Process
    addresses: dict[str, str]
    pids: dict[str, int]

    @classmethod
    async def start(cls, cwd: Path, environment: dict[str, str]) -> "RunningStack":
        process = await start_medpay("up", "--json", cwd=cwd, environment=environment)
        if process.stdout is None:
            raise AssertionError("started without a pipe")
        async with asyncio.timeout(READY_S_MAX):
            line = await process.stdout.readline()
        if not line:
            _, errors = await process.communicate()
            raise AssertionError(errors.decode("utf-8"))
        addresses = json.loads(line)
        return cls(process, addresses, addresses.pop("pids"))

    async def stop(self) -> tuple[int, str]:
        """SIGTERM; the exit code and what it said on standard error."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        return await self.ended()

    async def ended(self) -> tuple[int, str]:
        """Raises TimeoutError."""
        async with asyncio.timeout(STOP_S_MAX):
            _, errors = await self.process.communicate()
        return self.process.returncode or 0, errors.decode("utf-8")
