"""A process that has imported the whole product, and forks one for each module that is to be run.

That is then a process of its own as ever, with its own arguments, environment, folder and files, but without the two
seconds of a core that an interpreter needs to import everything. Run as `python -m tests.support.stack.fork_server FD`.
"""

import contextlib
import gc
import importlib
import io
import json
import os
import runpy
import select
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn, TypedDict

from cli.main import COMMANDS

REQUEST_BYTES_MAX = 256 * 1024
FDS = 3
"""Standard output, standard error, and where the process id and the exit code are told."""


class Request(TypedDict):
    """`python -m module arguments`, in that folder and with that environment."""

    module: str
    arguments: Sequence[str]
    cwd: str
    environment: dict[str, str]


def serve(requests: socket.socket) -> None:
    """Until nobody is left who could ask."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for who watches over a process
    while True:
        request, fds, _, _ = socket.recv_fds(requests, REQUEST_BYTES_MAX, FDS)
        if not request:
            return
        if os.fork() == 0:
            requests.close()
            _watch(json.loads(request), *fds)
        for fd in fds:
            os.close(fd)


def _watch(request: Request, output: int, errors: int, told: int) -> NoReturn:
    """Fork the process, tell its id and how it ended, and end it where nobody listens any more."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        os.close(told)
        _become(request, output, errors)
    os.close(output)
    os.close(errors)
    os.write(told, f"{pid}\n".encode())
    either = select.poll()
    either.register(told, 0)
    either.register(os.pidfd_open(pid), select.POLLIN)
    if told in dict(either.poll()):
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(BrokenPipeError):
        os.write(told, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _become(request: Request, output: int, errors: int) -> NoReturn:
    """The process itself, from here on."""
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(errors, 2)
    os.closerange(3, max(output, errors) + 1)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["cwd"])
    encoding = os.environ.get("PYTHONIOENCODING", "utf-8")
    unbuffered = "PYTHONUNBUFFERED" in os.environ
    sys.stdout = io.TextIOWrapper(
        open(1, "wb", buffering=0 if unbuffered else -1, closefd=False),  # noqa: SIM115 - for its life
        encoding=encoding,
        write_through=unbuffered,
    )
    sys.stderr = io.TextIOWrapper(
        open(2, "wb", closefd=False),  # noqa: SIM115 - for its life
        encoding=encoding,
        errors="backslashreplace",
        line_buffering=True,
    )
    sys.argv = [request["module"], *request["arguments"]]
    code = 1
    try:
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter does
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):
                stream.flush()
        os._exit(code)


if __name__ == "__main__":
    for each in COMMANDS.values():
        importlib.import_module(f"cli.commands.{each}")
    gc.freeze()  # what was imported stays shared
    serve(socket.socket(fileno=int(sys.argv[1])))
