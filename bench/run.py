"""`make bench`: the latency that medpay adds to its remote calls, relative to an update-with-start that does nothing.

One payment at a time, over HTTP, on the embedded stack, whose simulators answer at once. The remote calls' time is
taken from the payment's timeline; the rest is ours: HTTP, Temporal, the database, the workflow.
"""

import asyncio
import json
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
from rich.console import Console
from rich.table import Table

from cli.commands.demo import demo_settings
from cli.demo.client import DemoClient, new_session
from cli.stack.embedded import EmbeddedStack, embedded_stack
from domain.values.fen import yuan

T = TypeVar("T")
HERE = Path(__file__).parent
PAYMENTS = 200
WARM_UP = 10
READY_S_MAX = 90
LIMITS = {"pre-settle": (80, 2.8), "settle": (50, 1.6)}
"""The limits of the added latency at the median: in ms, and as a multiple of the baseline."""

PATIENT = {"PATIENT_ID": "100001", "ID_NO": "110101199003070134"}


async def main() -> int:
    """Measure, print and save. The exit code: 1 if a limit is exceeded."""
    folder = Path(tempfile.mkdtemp(prefix="medpay-bench-"))
    console = Console()
    async with (
        embedded_stack(demo_settings(folder), console.print, on_any_port=True) as stack,
        _baseline(stack) as baseline_url,
        new_session() as session,
    ):
        results = await _measure(stack, session, baseline_url)
    console.print(_table(results))
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / "latency.json").write_text(json.dumps(results, indent=1) + "\n")
    return 0 if all(r["within"] for r in results.values()) else 1


@asynccontextmanager
async def _baseline(stack: EmbeddedStack) -> AsyncIterator[str]:
    """A worker and an API in processes of their own, as medpay's are."""
    port = free_port()
    settings = stack.settings
    tail = (settings.temporal_address, str(port), str(settings.keyring_path))
    script = str(HERE / "nothing.py")
    children = [await asyncio.create_subprocess_exec(sys.executable, script, role, *tail) for role in ("worker", "api")]
    try:
        await ready(f"http://127.0.0.1:{port}/ready")
        yield f"http://127.0.0.1:{port}/nothing"
    finally:
        for child in children:
            child.kill()
            await child.wait()


def free_port() -> int:
    """A loopback port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def ready(url: str) -> None:
    """Wait until `url` answers with success. Raises TimeoutError."""
    async with asyncio.timeout(READY_S_MAX), new_session() as session:
        while True:
            try:
                async with session.get(url) as response:
                    response.raise_for_status()
                    return
            except aiohttp.ClientError:
                await asyncio.sleep(0.1)


async def _measure(stack: EmbeddedStack, session: aiohttp.ClientSession, baseline_url: str) -> dict[str, Any]:
    """Take payments and baseline calls in turns, so that both see the same load."""
    client = DemoClient(stack, session)
    samples = [await _one(client, stack, session, baseline_url, number) for number in range(WARM_UP + PAYMENTS)]
    nothing, *both = zip(*samples[WARM_UP:], strict=True)
    baseline = statistics.median(nothing)
    return {name: _result(name, pairs, baseline) for name, pairs in zip(LIMITS, both, strict=True)}


Sample = tuple[float, tuple[float, float], tuple[float, float]]
"""The baseline, then total and added latency of pre-settle and of settle, all in ms."""


async def _one(
    client: DemoClient, stack: EmbeddedStack, session: aiohttp.ClientSession, baseline_url: str, number: int
) -> Sample:
    order = _order(number)
    baseline_ms, _ = await _timed(_do_nothing(session, baseline_url, order))
    pre_settle_ms, settle_ms = await one_payment(client, number)
    remote = await _remote_ms(stack, session, order["medOrgOrd"])
    pre_settle = (pre_settle_ms, pre_settle_ms - remote["pre-settle"])
    return baseline_ms, pre_settle, (settle_ms, settle_ms - remote["settle"])


async def _do_nothing(session: aiohttp.ClientSession, url: str, body: dict[str, str]) -> None:
    async with session.post(url, json=body) as response:
        response.raise_for_status()


async def one_payment(client: DemoClient, number: int) -> tuple[float, float]:
    """Pre-settle, pay and settle; the ms that pre-settle and settle took. Raises RuntimeError if it is not settled."""
    order = _order(number)
    pre_settle_ms, quoted = await _timed(client.pre_settle(order))
    confirmation = _confirmation(order, quoted["DATA"]["payOrdId"])
    await client.patient_pays(confirmation["payOrdId"])
    settle_ms, settled = await _timed(client.settle(confirmation))
    if settled["CODE"] != 0:
        raise RuntimeError(f"not settled: {settled}")
    return pre_settle_ms, settle_ms


def _order(number: int) -> dict[str, str]:
    return {
        **PATIENT,
        "payAuthNo": f"bench-auth-{number}",
        "uldLatlnt": "116.397,39.908",
        "CATEGORY": "2",
        "ORDER_ID": f"9{number:05d}",
        "medOrgOrd": f"bench-{number}",
        "TOTAL": yuan(number + 1),
    }


def _confirmation(order: dict[str, str], pay_ord_id: str) -> dict[str, str]:
    named = {"PATIENT_ID": order["PATIENT_ID"], "medOrgOrd": order["medOrgOrd"]}
    return {**named, "payOrdId": pay_ord_id, "VISIT_ID": "V1"}


async def _timed(call: Awaitable[T]) -> tuple[float, T]:
    began = time.perf_counter()
    result = await call
    return (time.perf_counter() - began) * 1000, result


async def _remote_ms(stack: EmbeddedStack, session: aiohttp.ClientSession, med_org_ord: str) -> dict[str, float]:
    """The time that the remote calls took, by the payment's timeline. Of concurrent calls the longest counts."""
    url = f"{stack.api_url}/api/v1/payments/{med_org_ord}"
    async with session.get(url, headers={"Authorization": f"Bearer {stack.settings.api_key}"}) as response:
        timeline = (await response.json())["DATA"]["timeline"]
    took: dict[str, float] = {}
    for entry in timeline:
        if entry["kind"] == "call":
            took[entry["name"]] = max(took.get(entry["name"], 0), float(entry["durationMs"]))
    priced = max(took["patient"], took["prescription_fees"])
    asked = max(took["settlement_query"], took.get("visit", 0))
    return {"pre-settle": priced + took["6201"] + took["6202"], "settle": max(took["6301"], asked) + took["settle"]}


def _result(name: str, pairs: Sequence[tuple[float, float]], baseline: float) -> dict[str, Any]:
    total, added = statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs)
    limit_ms, limit_ratio = LIMITS[name]
    return {
        "payments": len(pairs),
        "baseline_p50_ms": round(baseline, 1),
        "total_p50_ms": round(total, 1),
        "added_p50_ms": round(added, 1),
        "ratio": round(added / baseline, 2),
        "limit_ms": limit_ms,
        "limit_ratio": limit_ratio,
        "within": added <= limit_ms and added / baseline <= limit_ratio,
    }


def _table(results: dict[str, Any]) -> Table:
    table = Table(title=f"What medpay adds, p50 of {PAYMENTS} payments one at a time")
    table.add_column("call", no_wrap=True)
    for column in ("whole, ms", "added, ms", "limit", "nothing, ms", "ratio", "limit", ""):
        table.add_column(column)
    for name, r in results.items():
        verdict = "within" if r["within"] else "OVER"
        numbers = (r["total_p50_ms"], r["added_p50_ms"], r["limit_ms"], r["baseline_p50_ms"], r["ratio"])
        table.add_row(name, *map(str, numbers), str(r["limit_ratio"]), verdict)
    return table


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
