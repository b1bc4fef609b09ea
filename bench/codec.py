"""How much of a payment's CPU sealing its payloads takes, and what binding them to their workflow adds. `make bench`.

Two pairs of API and worker run on one embedded stack, one with binding and one without. Payments go to them in turns,
so that both see the same load. A payment's CPU is that of its API and worker, without Temporal's server.
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

ARMS = ("bound", "unbound")
ROUNDS = 10
AT_ONCE = 6
SHARE_MAX = 0.03
"""The limit: this share of a payment's CPU."""

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass
class Arm:
    """An API and a worker, and the CPU that they spent in this arm's turns."""

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
            arms = {name: await running.enter_async_context(_arm(stack, folder, name)) for name in ARMS}
            await _payments(arms, session)
        results = _results(arms)
    console.print(_table(results))
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / "codec.json").write_text(json.dumps(results, indent=1) + "\n")
    return 0 if results["within"] else 1


@asynccontextmanager
async def _arm(stack: EmbeddedStack, folder: Path, name: str) -> AsyncIterator[Arm]:
    counters = folder / f"codec-{name}"
    counters.mkdir()
    settings = stack.settings.model_copy(update={"api_port": free_port(), "task_queue": f"bench-{name}"})
    arm = Arm(replace(stack, settings=settings), counters)
    script = str(HERE / "measured.py")
    try:
        for role in ("worker", "api"):
            arguments = (sys.executable, script, role, name, str(counters / f"{role}.json"))
            log = (counters / f"{role}.log").open("wb")
            child = await asyncio.create_subprocess_exec(
                *arguments, env=environment_of(settings), stdout=log, stderr=log
            )
            log.close()
            arm.children.append(child)
        await ready(f"{arm.stack.api_url}/health/ready")
        yield arm
    finally:
        for child in arm.children:
            child.terminate()
        await asyncio.gather(*(child.wait() for child in arm.children))


async def _payments(arms: dict[str, Arm], session: aiohttp.ClientSession) -> None:
    """Take payments in turns. Round 0 is a warm-up and isn't counted."""
    for turn in range(ROUNDS + 1):
        if turn == 1:
            for child in (child for arm in arms.values() for child in arm.children):
                child.send_signal(signal.SIGUSR1)
        for offset, arm in enumerate(arms.values()):
            before = arm.cpu_now_s()
            first = (2 * turn + offset) * AT_ONCE
            client = DemoClient(arm.stack, session)
            await asyncio.gather(*(one_payment(client, number) for number in range(first, first + AT_ONCE)))
            if turn:
                arm.payments += AT_ONCE
                arm.cpu_s += arm.cpu_now_s() - before


def _cpu_s(pid: int) -> float:
    """User and system time of a process, from Linux's /proc."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def _results(arms: dict[str, Arm]) -> dict[str, Any]:
    results = {name: _result(arm) for name, arm in arms.items()}
    bound, unbound = (results[name] for name in ARMS)
    return results | {
        "binding_adds_ms": round(bound["codec_ms"] - unbound["codec_ms"], 3),
        "share_max": SHARE_MAX,
        "within": bound["share"] <= SHARE_MAX,
    }


def _result(arm: Arm) -> dict[str, float]:
    codec = arm.codec()
    codec_ms = codec["ns"] / 1e6 / arm.payments
    cpu_ms = arm.cpu_s * 1000 / arm.payments
    return {
        "payments": arm.payments,
        "payloads": round(codec["payloads"] / arm.payments, 1),
        "codec_ms": round(codec_ms, 3),
        "cpu_ms": round(cpu_ms, 1),
        "share": round(codec_ms / cpu_ms, 4),
    }


def _table(results: dict[str, Any]) -> Table:
    table = Table(title="What sealing costs, CPU of API and worker a payment")
    for column in ("payloads", "sealed and opened", "codec, ms", "all, ms", "share", "limit", ""):
        table.add_column(column)
    for name in ARMS:
        r = results[name]
        verdict = ("well" if results["within"] else "TOO MUCH") if name == ARMS[0] else "before the binding"
        numbers = (r["payloads"], r["codec_ms"], r["cpu_ms"])
        table.add_row(name, *map(str, numbers), f"{r['share']:.2%}", f"{SHARE_MAX:.0%}", verdict)
    return table


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
