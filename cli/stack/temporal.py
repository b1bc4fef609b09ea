"""Temporal's dev server: its command, its flags, and when it is ready for payments."""

import asyncio
import json
import secrets
import shutil
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from cli.configuration import WRONG_USE, CommandError
from cli.stack.child import Component, answers, plain_environment, send
from cli.stack.ports import LOOPBACK, any_free_port
from security.keys.files import keep
from settings import Settings
from workflows import search_attributes

COMMAND_S_MAX = 10.0
HIDDEN_UI_FILE = "temporal-ui-address"

RETENTION = "720h"
"""How long closed payments stay readable in the UI. The server's default is one day."""

_SQLITE_PRAGMAS = ("journal_mode=wal", "synchronous=normal")

_TUNING = (
    # The one history shard is polled 20 times a second by default: every workflow task would wait up to 50 ms.
    "history.transferProcessorMaxPollRPS=5000",
    "history.visibilityProcessorMaxPollRPS=1000",
    "history.timerProcessorMaxPollRPS=1000",
    "history.shardIOConcurrency=16",
    "history.enableHostLevelEventsCache=true",
    # Descriptions of task queues are cached for 5 s by default; `worker_is_polling` reads one.
    'matching.TaskQueueInfoByBuildIdTTL="100ms"',
    # The frontend's HTTP, at a port of its own choice, would do all for any page in a browser that points a name at it.
    'frontend.httpAllowedHosts=["none.invalid"]',
)


def temporal_binary(setting: str | None) -> str:
    """The path of `MEDPAY_TEMPORAL_CLI`, else of the binary beside this interpreter. Raises `CommandError`."""
    wanted = setting or str(Path(sys.executable).parent / "temporal")
    found = shutil.which(wanted)
    if found is None:
        hint = "" if setting else " (make setup installs it)"
        raise CommandError(f"MEDPAY_TEMPORAL_CLI: {wanted} is not a command{hint}", exit_code=WRONG_USE)
    if not Path(found).is_absolute():  # found through a `.` in PATH, or named so: it depends on where one stands
        raise CommandError(
            f"MEDPAY_TEMPORAL_CLI: {found} lies in this folder: name its whole path", exit_code=WRONG_USE
        )
    return found


@dataclass(frozen=True)
class TemporalCommand:
    """Calls the `temporal` command for one server, rather than the SDK, to keep its threads out of this process."""

    binary: str
    address: str
    namespace: str

    async def run(self, *arguments: str) -> str | None:
        """What the command printed, or None if it failed or took longer than 10 s."""
        process = await asyncio.create_subprocess_exec(
            *(self.binary, *arguments, "--address", self.address, "--namespace", self.namespace),
            env=plain_environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(COMMAND_S_MAX):
                output, _ = await process.communicate()
        except TimeoutError:
            return None
        finally:
            send(process, signal.SIGKILL)
            await process.wait()
        return output.decode("utf-8") if process.returncode == 0 else None


def temporal_server(settings: Settings, command: TemporalCommand, data: Path, codec_url: str) -> Component:
    """Ready when the namespace answers, knows our search attributes, and keeps closed payments for 30 days."""

    async def is_ready(_pid: int) -> bool:
        if await command.run("operator", "namespace", "describe", "-o", "json") is None:
            return False
        if not await _ensure_search_attributes(command):
            return False
        return await command.run("operator", "namespace", "update", "--retention", RETENTION) is not None

    return Component(
        name="temporal",
        argv=(command.binary, *_flags(settings, data), "--ui-codec-endpoint", codec_url),
        env=plain_environment(),
        is_ready=is_ready,
    )


class HiddenUi(NamedTuple):
    """Where the UI itself listens, behind `cli.stack.ui_door`."""

    host: str
    port: int


def hidden_ui(data: Path, *, anew: bool = False) -> HiddenUi:
    """The address drawn for this data folder; `anew`: draw another one.

    Among the 2^24 addresses of this machine, so that no page in a browser finds it. Others have 127.0.0.1 alone.
    Raises OSError.
    """
    file = data / HIDDEN_UI_FILE
    if anew:
        file.unlink(missing_ok=True)
    host, _, port = keep(file, _draw_address).rpartition(":")
    return HiddenUi(host, int(port))


def _draw_address() -> str:
    host = f"127.{'.'.join(str(1 + secrets.randbelow(254)) for _ in range(3))}" if sys.platform == "linux" else LOOPBACK
    return f"{host}:{any_free_port(host)}"


def temporal_ui(settings: Settings, data: Path) -> Component:
    """The door of Temporal's UI at its documented port. Ready when the UI answers through it."""
    ui, here = hidden_ui(data), f"{settings.temporal_address.rpartition(':')[0]}:{settings.temporal_ui_port}"
    arguments = ["--host", settings.temporal_host, "--port", str(settings.temporal_ui_port)]
    arguments += ["--upstream", f"http://{ui.host}:{ui.port}"]
    if named := urlsplit(settings.codec_page_origin).hostname:
        arguments += ["--name", named]
    if settings.temporal_ui_writes == "on":
        arguments.append("--writes")
    return Component(
        name="temporal-ui",
        argv=(sys.executable, "-P", "-m", "cli.stack.ui_door", *arguments),
        env={**plain_environment(), "PYTHONUNBUFFERED": "1"},
        is_ready=answers(f"http://{here}/"),
    )


async def _ensure_search_attributes(command: TemporalCommand) -> bool:
    """Whether the server knows them all. Adds missing ones, since `--search-attribute` only affects a new file."""
    listed = await command.run("operator", "search-attribute", "list", "-o", "json")
    if listed is None:
        return False
    known = json.loads(listed).get("customAttributes") or {}
    missing = search_attributes.TYPES.keys() - known.keys()
    for name in sorted(missing):
        kind = search_attributes.TYPES[name]
        await command.run("operator", "search-attribute", "create", "--name", name, "--type", kind)
    return not missing


def _flags(settings: Settings, data: Path) -> list[str]:
    flags = ["server", "start-dev", "--ip", settings.temporal_host, "--port", str(settings.temporal_port)]
    # Otherwise the UI fetches news from the internet.
    flags += ["--ui-disable-news-fetch"]
    ui = hidden_ui(data)
    flags += ["--ui-ip", ui.host, "--ui-port", str(ui.port), "--namespace", settings.temporal_namespace]
    flags += ["--db-filename", str(data / "temporal.db")]
    for pragma in _SQLITE_PRAGMAS:
        flags += ["--sqlite-pragma", pragma]
    for value in _TUNING:
        flags += ["--dynamic-config-value", value]
    for name, kind in search_attributes.TYPES.items():
        flags += ["--search-attribute", f"{name}={kind}"]
    return flags


async def worker_is_polling(command: TemporalCommand, task_queue: str, pid: int) -> bool:
    """Whether the worker with this process id polls for workflow tasks and for activities.

    By process id, since Temporal remembers a dead worker's polls for minutes.
    """
    described = await command.run("task-queue", "describe", "--task-queue", task_queue, "-o", "json")
    if described is None:
        return False
    pollers = json.loads(described).get("pollers") or []
    ours = {poller["taskQueueType"] for poller in pollers if poller["identity"] == f"{pid}@{socket.gethostname()}"}
    return {"workflow", "activity"} <= ours
