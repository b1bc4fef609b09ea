"""A process that has imported every `medpay` command, and forks one for each that is asked for.

A command is then a process of its own as ever, with its own arguments, environment, folder and pipes, and without the
two seconds of an interpreter that imports everything. Run as `python -P -m tests.support.stack.command_server FD`.
"""

import contextlib
import importlib
import io
import json
import os
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn, TypedDict

from cli.main import COMMANDS, main

REQUEST_BYTES_MAX = 256 * 1024
FDS = 3
"""The command's standard output, its standard error, and where its process id and its exit code are told."""


class Request(TypedDict):
    arguments: Sequence[str]
    cwd: str
    environment: dict[str, str]


def serve(requests: socket.socket) -> None:
    """Until nobody is left who could ask."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for who watches over a command
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
    """Fork the command, and tell its process id and how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        os.close(told)
        _become(request, output, errors)
    os.close(output)
    os.close(errors)
    os.write(told, f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    os.write(told, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _become(request: Request, output: int, errors: int) -> NoReturn:
    """The command itself, from here on."""
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(errors, 2)
    os.closerange(3, max(output, errors) + 1)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["cwd"])
    encoding = os.environ.get("PYTHONIOENCODING", "utf-8")
    sys.stdout = io.TextIOWrapper(open(1, "wb", closefd=False), encoding=encoding)  # noqa: SIM115 - for its life
    sys.stderr = io.TextIOWrapper(
        open(2, "wb", closefd=False),  # noqa: SIM115 - for its life
        encoding=encoding,
        errors="backslashreplace",
        line_buffering=True,
    )
    sys.argv = ["medpay", *request["arguments"]]
    code = 1
    try:
        main()
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
    serve(socket.socket(fileno=int(sys.argv[1])))
