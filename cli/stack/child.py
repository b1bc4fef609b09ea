"""One supervised process: its start, readiness, log and end."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

import aiohttp

READY_S_MAX = 60.0
STOP_S_MAX = 10.0
PROBE_INTERVAL_S = 0.1
PROBE_S_MAX = 2.0
LOG_BYTES_MAX = 20 * 1024 * 1024
TAIL_LINES_MAX = 20
_TAIL_BYTES_MAX = 16 * 1024
_LEASH = Path(__file__).with_name("leash.py")

_PLAIN = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|TERM|VIRTUAL_ENV|PYTHON\w+|COVERAGE_\w+|LD_\w+|DYLD_\w+"
)
"""What any program may need. Settings, and secrets that the hospitals file takes from the environment, may have any
other name."""

Probe = Callable[[int], Awaitable[bool]]
"""Takes the process id; whether the component is ready to work."""


def plain_environment() -> dict[str, str]:
    """For a component that is none of ours: without our settings and secrets, and without the user's TEMPORAL_ADDRESS,
    TEMPORAL_TLS and the like, which would redirect the embedded stack."""
    return {name: value for name, value in os.environ.items() if _PLAIN.fullmatch(name)}


@dataclass(frozen=True)
class Component:
    """What to run. `env`: its whole environment. `stop_s_max`: how long it may take to stop before it is killed."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    is_ready: Probe
    ready_s_max: float = READY_S_MAX
    stop_s_max: float = STOP_S_MAX


class ComponentFailed(Exception):
    """A component has died or did not become ready. `tail`: the last lines of its log."""

    def __init__(self, name: str, what: str, log: Path) -> None:
        super().__init__(f"{name} {what}")
        self.name = name
        self.log = log
        self.tail = log_tail(log)


class Child:
    """A running component, in a process group of its own so that Ctrl-C reaches the supervisor alone."""

    def __init__(self, component: Component, process: Process, log: Path) -> None:
        self.component = component
        self.pid = process.pid
        self._process = process
        self._log = log

    @classmethod
    async def start(cls, component: Component, logs: Path) -> "Child":
        log = logs / f"{component.name}.log"
        with open_log(log) as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(_LEASH), str(os.getpid())),
                *component.argv,
                env=component.env,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return cls(component, process, log)

    def failure(self, what: str) -> ComponentFailed:
        return ComponentFailed(self.component.name, what, self._log)

    async def ended(self) -> ComponentFailed:
        """Wait until the process ends, which it never should by itself."""
        return self.failure(f"ended by itself ({_ending(await self._process.wait())})")

    async def until_ready(self) -> None:
        """Raises `ComponentFailed` after `ready_s_max`. The supervisor watches whether the process lives."""
        try:
            async with asyncio.timeout(self.component.ready_s_max):
                while not await self.component.is_ready(self.pid):  # noqa: ASYNC110 - another process raises no event
                    await asyncio.sleep(PROBE_INTERVAL_S)
        except TimeoutError:
            raise self.failure(f"was not ready within {self.component.ready_s_max:g} s") from None

    async def stop(self) -> None:
        """Ask it to end, and kill it after `stop_s_max`. Nothing of its process group is left."""
        send(self._process, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.component.stop_s_max):
                await self._process.wait()
        self.kill()
        await self._process.wait()

    def kill(self) -> None:
        """End the whole process group at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


def answers(url: str) -> Probe:
    """Whether an HTTP server answers 200 there."""

    async def is_ready(_pid: int) -> bool:
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PROBE_S_MAX)) as session,
                session.get(url) as response,
            ):
                return response.status == HTTPStatus.OK
        except (aiohttp.ClientError, TimeoutError):
            return False

    return is_ready


def _ending(returncode: int) -> str:
    if returncode < 0:
        return f"signal {signal.Signals(-returncode).name}"
    return f"exit code {returncode}"


def open_log(path: Path) -> BinaryIO:
    """Append to a component's log. A log over its limit is set aside first, replacing the previous one."""
    if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab")


def log_tail(path: Path) -> tuple[str, ...]:
    """The last lines, bounded, for a failure's report."""
    if not path.exists():
        return ()
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES_MAX))
        text = file.read().decode("utf-8", errors="replace")
    return tuple(text.splitlines()[-TAIL_LINES_MAX:])


def send(process: Process, what: signal.Signals) -> None:
    """Send a signal to a process that has not ended.

    asyncio's own `terminate` and `kill` poll the process first. They may so reap one that has just died before
    asyncio's watcher does, which then complains on standard error.
    """
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, what)
