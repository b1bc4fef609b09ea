"""Processes that are forked from `fork_server`: of this project's modules, and of the components of a stack."""

import asyncio
import functools
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from io import FileIO
from pathlib import Path
from typing import Any, cast

import pytest

from cli.stack.child import Child, Component, open_log
from tests.support.stack import fork_server
from tests.support.stack.fork_server import Request
from tests.support.waiting import WAIT_S_MAX

ABANDONED = -9


class Forked:
    """What `asyncio.subprocess.Process` is to who waits for its end."""

    def __init__(self, pid: int, told: asyncio.StreamReader, pipe: asyncio.BaseTransport) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._told = told
        self._pipe = pipe
        self._ended = asyncio.create_task(self._end())

    @classmethod
    async def start(cls, request: Request, *, output: int, errors: int) -> "Forked":
        """It ends with this process. `output` and `errors`: open files of ours."""
        told, told_end = os.pipe()
        requests, _ = _fork_server()
        socket.send_fds(requests, [json.dumps(request).encode()], [output, errors, told_end])
        os.close(told_end)
        reader, pipe = await _reader(told)
        return cls(int(await reader.readline()), reader, pipe)

    def abandon(self) -> None:
        """End it, if it has not ended."""
        self._pipe.close()

    async def wait(self) -> int:
        """Its exit code; negative if a signal has ended it."""
        return await asyncio.shield(self._ended)

    async def _end(self) -> int:
        with closing(self._pipe):
            self.returncode = int(await self._told.readline() or ABANDONED)
        return self.returncode


async def run_forked(request: Request) -> tuple[int, bytes, bytes]:
    """Exit code, standard output, standard error. A run that is cancelled is ended."""
    (output, output_end), (errors, errors_end) = os.pipe(), os.pipe()
    try:
        process = await Forked.start(request, output=output_end, errors=errors_end)
    finally:
        os.close(output_end)
        os.close(errors_end)
    with ExitStack() as pipes:
        readers = []
        for pipe in (output, errors):
            reader, transport = await _reader(pipe)
            pipes.enter_context(closing(transport))
            readers.append(reader)
        try:
            written = await asyncio.gather(*(reader.read() for reader in readers))
            return await process.wait(), written[0], written[1]
        finally:
            process.abandon()


@contextmanager
def forked_components() -> Iterator[None]:
    """While the block runs, components of our own are forked, and all may take as long to start as a busy machine does.

    `medpay up` starts them otherwise.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Child, "start", _start)
        yield


_start_anew = Child.start


async def _start(component: Component, logs: Path) -> Child:
    python, *options, module = component.argv[: component.argv.index("-m") + 2] if "-m" in component.argv else ("", "")
    component = replace(component, ready_s_max=WAIT_S_MAX)
    if python != sys.executable:
        return await _start_anew(component, logs)
    log = logs / f"{component.name}.log"
    arguments = component.argv[2 + len(options) :]
    request = Request(module=module, arguments=arguments, cwd=str(Path.cwd()), environment=dict(component.env))
    with open_log(log) as file:
        process = await Forked.start(request, output=file.fileno(), errors=file.fileno())
    return Child(component, cast("Any", process), log)


async def _reader(pipe: int) -> tuple[asyncio.StreamReader, asyncio.BaseTransport]:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), FileIO(pipe))
    return reader, transport


@functools.cache
def _fork_server() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """Where to ask this process's own; it ends with us."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(  # noqa: S603 - our own module
            (sys.executable, "-P", "-m", fork_server.__name__, str(theirs.fileno())),
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
        )
    return ours, process
