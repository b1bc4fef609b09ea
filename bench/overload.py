"""What overload does to the calls that are accepted: payments by 8, 32 and 64 callers at once, on the embedded stack.

Usage: `python bench/overload.py [CALLS_AT_ONCE]`. The bar, in one run: accepted calls take at most twice the median at
8 at once, and nothing is told as 503.
"""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections import Counter
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console
from rich.table import Table
from run import HERE, PATIENT

from cli.commands.demo import demo_settings
from cli.demo.client import new_session
from cli.stack.embedded import EmbeddedStack, embedded_stack
from domain.values.fen import yuan

AT_ONCE = (8, 32, 64)
LASTS_S = 30
RATIO_MAX = 2.0
WARM_UP_S = 5


class Callers:
    """`took_ms`: of accepted calls, by interface. `outcomes`: of all, by status and code."""

    def __init__(self, stack: EmbeddedStack, session: aiohttp.ClientSession) -> None:
        self._stack = stack
        self._session = session
        self._payments = 0
        self.took_ms: dict[str, list[float]] = {}
        self.outcomes: Counter[str] = Counter()

    async def at_once(self, callers: int, lasts_s: float) -> None:
        """Payments by so many callers, one after the other each, for so long."""
        self.took_ms, self.outcomes = {"pre-settle": [], "settle": []}, Counter()
        until = time.monotonic() + lasts_s
        await asyncio.gather(*(self._pay_until(until) for _ in range(callers)))

    async def _pay_until(self, until: float) -> None:
        while time.monotonic() < until:
            self._payments += 1
            await self._pay(self._payments)

    async def _pay(self, number: int) -> None:
        order = {
            **PATIENT,
            "payAuthNo": f"load-auth-{number}",
            "uldLatlnt": "116.397,39.908",
            "CATEGORY": "2",
            "ORDER_ID": f"9{number:05d}",
            "medOrgOrd": f"load-{number}",
            "TOTAL": yuan(number + 1),
        }
        quoted = await self._answered("pre-settle", order)
        paid = f"{self._stack.insurance_url}/_sim/orders/{quoted['payOrdId']}/pay"
        async with self._session.post(paid, json={"outcome": "paid", "notify": False}) as response:
            response.raise_for_status()
        named = {"PATIENT_ID": order["PATIENT_ID"], "medOrgOrd": order["medOrgOrd"]}
        await self._answered("settle", {**named, "payOrdId": quoted["payOrdId"], "VISIT_ID": "V1"})

    async def _answered(self, call: str, body: dict[str, str]) -> dict[str, Any]:
        """DATA, after as many repeats as the API asks for."""
        url = f"{self._stack.api_url}/api/v1/insurance/{call}"
        headers = {"Authorization": f"Bearer {self._stack.settings.api_key}"}
        while True:
            began = time.perf_counter()
            async with self._session.post(url, json=body, headers=headers) as response:
                answer = await response.json()
            self.outcomes[f"{call} {response.status} {response.headers.get('X-Error-Code', '')}".strip()] += 1
            if response.status == HTTPStatus.OK:
                self.took_ms[call].append((time.perf_counter() - began) * 1000)
                if answer["CODE"] != 0:
                    raise RuntimeError(f"{call}: {answer}")
                data: dict[str, Any] = answer["DATA"]
                return data
            await asyncio.sleep(float(response.headers.get("Retry-After", 1)))


async def main() -> int:
    """Measure, print and save. The exit code: 1 if the bar is missed."""
    folder, console = Path(tempfile.mkdtemp(prefix="medpay-bench-")), Console()
    results: dict[str, Any] = {}
    wanted = {"calls_at_once": int(sys.argv[1])} if len(sys.argv) > 1 else {}
    async with (
        embedded_stack(demo_settings(folder).model_copy(update=wanted), console.print, on_any_port=True) as stack,
        new_session() as session,
    ):
        callers = Callers(stack, session)
        await callers.at_once(AT_ONCE[0], WARM_UP_S)
        for number in AT_ONCE:
            await callers.at_once(number, LASTS_S)
            results[str(number)] = {
                **{f"{call}_p50_ms": round(statistics.median(took), 1) for call, took in callers.took_ms.items()},
                "payments_per_s": round(len(callers.took_ms["settle"]) / LASTS_S, 1),
                "outcomes": dict(callers.outcomes),
            }
    console.print(_table(results))
    (HERE / "results" / "overload.json").write_text(json.dumps(results, indent=1) + "\n")
    return 0 if _within(results) else 1


def _within(results: dict[str, Any]) -> bool:
    normal = results[str(AT_ONCE[0])]
    fast = all(
        result[name] <= RATIO_MAX * normal[name]
        for result in results.values()
        for name in ("pre-settle_p50_ms", "settle_p50_ms")
    )
    return fast and not any("503" in outcome for result in results.values() for outcome in result["outcomes"])


def _table(results: dict[str, Any]) -> Table:
    table = Table(title="Accepted calls under overload")
    for column in ("at once", "pre-settle p50, ms", "settle p50, ms", "payments a second", "answers"):
        table.add_column(column)
    for number, result in results.items():
        answers = ", ".join(f"{outcome}: {times}" for outcome, times in sorted(result["outcomes"].items()))
        figures = (result["pre-settle_p50_ms"], result["settle_p50_ms"], result["payments_per_s"])
        table.add_row(number, *map(str, figures), answers)
    return table


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
