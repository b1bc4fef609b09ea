"""`medpay` commands as processes of their own, and `medpay up` as `make up` runs it."""

import asyncio
import functools
import json
import os
import signal
import socket
import subprocess
import sys
from asyncio.subprocess import Process
from contextlib import closing
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from tests.support.stack import command_server

READY_S_MAX = 90.0
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
    `new_interpreter`: for what Python itself reads at its start, or else the process is forked from `command_server`.
    """
    environment = environment if encoding == "utf-8" else {**environment, "PYTHONIOENCODING": encoding}
    encoding = "utf-8" if encoding == "ascii" else encoding
    async with asyncio.timeout(READY_S_MAX):
        if new_interpreter:
            process = await start_medpay(*arguments, cwd=cwd, environment=environment)
            output, errors = await process.communicate()
            code = process.returncode
        else:
            code, output, errors = await _run_forked(arguments, cwd, environment)
    if code is None:
        raise AssertionError("it ended without an exit code")
    return code, output.decode(encoding), errors.decode(encoding)


async def _run_forked(
    arguments: tuple[str, ...], cwd: Path, environment: dict[str, str]
) -> tuple[int | None, bytes, bytes]:
    """What `start_medpay` would come to."""
    output, errors, told = await asyncio.gather(*(_read_all(pipe) for pipe in _forked(arguments, cwd, environment)))
    code = told.split()[1:]
    return int(code[0]) if code else None, output, errors


def _forked(arguments: tuple[str, ...], cwd: Path, environment: dict[str, str]) -> list[FileIO]:
    """Its standard output, its standard error, and where its process id and its exit code are told."""
    request: command_server.Request = {
        "arguments": arguments,
        "cwd": str(cwd.absolute()),
        "environment": environment,
    }
    readers, writers = zip(*(os.pipe() for _ in range(command_server.FDS)), strict=True)
    requests, _ = _command_server()
    socket.send_fds(requests, [json.dumps(request).encode()], writers)
    for writer in writers:
        os.close(writer)
    return [FileIO(reader) for reader in readers]


async def _read_all(pipe: FileIO) -> bytes:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    with closing(transport):
        return await reader.read()


@functools.cache
def _command_server() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """Where to ask this process's own; it ends with us."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(  # noqa: S603 - our own module
            (sys.executable, "-P", "-m", command_server.__name__, str(theirs.fileno())),
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
        )
    return ours, process


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
