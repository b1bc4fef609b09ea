"""How much of a payment's CPU sealing its payloads and binding them to their workflow takes. Part of `make bench`.

A payment's CPU is that of its API and worker, without Temporal's server.
"""

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console
from rich.table import Table
from run import HERE, free_port, one_payment, ready

from cli.commands.demo import demo_settings
from cli.demo.client import DemoClient, new_session
from cli.stack.components import environment_of
from cli.stack.embedded import EmbeddedStack, embedded_stack

ROUNDS = 10
AT_ONCE = 6
SHARE_MAX = 0.03
"""The limit: this share of a payment's CPU."""

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass
class Measured:
    """An API and a worker, and the CPU that they spent."""

    stack: EmbeddedStack
    folder: Path
    children: list[asyncio.subprocess.Process] = field(default_factory=list)
    cpu_s: float = 0.0
    payments: int = 0

    def cpu_now_s(self) -> float:
        return sum(_cpu_s(child.pid) for child in self.children)

    def codec(self) -> dict[str, int]:
        """The sum of both processes' counters, once they have ended."""
        files = [json.loads(file.read_text(encoding="ascii")) for file in self.folder.glob("*.json")]
        return {name: sum(counters[name] for counters in files) for name in ("ns", "payloads")}


async def main() -> int:
    """Measure, print and save. The exit code: 1 if the limit is exceeded."""
    folder = Path(tempfile.mkdtemp(prefix="medpay-bench-"))
    console = Console()
    async with embedded_stack(demo_settings(folder), console.print, on_any_port=True) as stack:
        async with AsyncExitStack() as running, new_session() as session:
            measured = await running.enter_async_context(_measured(stack, folder))
            await _payments(measured, session)
        results = _results(measured)
    console.print(_table(results))
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / "codec.json").write_text(json.dumps(results, indent=1) + "\n")
    return 0 if results["within"] else 1


@asynccontextmanager
async def _measured(stack: EmbeddedStack, folder: Path) -> AsyncIterator[Measured]:
    counters = folder / "codec"
    counters.mkdir()
    settings = stack.settings.model_copy(update={"api_port": free_port(), "task_queue": "bench-codec"})
    measured = Measured(replace(stack, settings=settings), counters)
    script = str(HERE / "measured.py")
    try:
        for role in ("worker", "api"):
            arguments = (sys.executable, script, role, str(counters / f"{role}.json"))
            log = (counters / f"{role}.log").open("wb")
            child = await asyncio.create_subprocess_exec(
                *arguments, env=environment_of(settings), stdout=log, stderr=log
            )
            log.close()
            measured.children.append(child)
        await ready(f"{measured.stack.api_url}/health/ready")
        yield measured
    finally:
        for child in measured.children:
            child.terminate()
        await asyncio.gather(*(child.wait() for child in measured.children))


async def _payments(measured: Measured, session: aiohttp.ClientSession) -> None:
    """Round 0 is a warm-up and isn't counted."""
    client = DemoClient(measured.stack, session)
    for turn in range(ROUNDS + 1):
        if turn == 1:
            for child in measured.children:
                child.send_signal(signal.SIGUSR1)
        before = measured.cpu_now_s()
        first = turn * AT_ONCE
        await asyncio.gather(*(one_payment(client, number) for number in range(first, first + AT_ONCE)))
        if turn:
            measured.payments += AT_ONCE
            measured.cpu_s += measured.cpu_now_s() - before


def _cpu_s(pid: int) -> float:
    """User and system time of a process, from Linux's /proc."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def _results(measured: Measured) -> dict[str, Any]:
    codec = measured.codec()
    codec_ms = codec["ns"] / 1e6 / measured.payments
    cpu_ms = measured.cpu_s * 1000 / measured.payments
    share = codec_ms / cpu_ms
    return {
        "payments": measured.payments,
        "payloads": round(codec["payloads"] / measured.payments, 1),
        "codec_ms": round(codec_ms, 3),
        "cpu_ms": round(cpu_ms, 1),
        "share": round(share, 4),
        "share_max": SHARE_MAX,
        "within": share <= SHARE_MAX,
    }


def _table(results: dict[str, Any]) -> Table:
    table = Table(title="What sealing costs, CPU of API and worker a payment")
    for column in ("sealed and opened", "codec, ms", "all, ms", "share", "limit", ""):
        table.add_column(column)
    numbers = (results["payloads"], results["codec_ms"], results["cpu_ms"])
    verdict = "well" if results["within"] else "TOO MUCH"
    table.add_row(*map(str, numbers), f"{results['share']:.2%}", f"{SHARE_MAX:.0%}", verdict)
    return table


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
