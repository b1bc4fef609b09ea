"""One tree's payments under load, as JSON: for `bench/before.py`, which runs it once for each of two trees.

Usage: `python bench/load.py`, with the tree to measure first on PYTHONPATH.
"""

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from overload import Callers
from temporalio.client import Client

from cli.commands.demo import demo_settings
from cli.demo.client import new_session
from cli.stack.embedded import EmbeddedStack, embedded_stack
from domain.ids import payment_workflow_id

AT_ONCE = (1, 8, 32)
LASTS_S = 20
WARM_UP_S = 5
TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")


async def main() -> None:
    """Measure and print."""
    settings = demo_settings(Path(tempfile.mkdtemp(prefix="medpay-load-")))
    if "calls_at_once" in type(settings).model_fields:
        settings = settings.model_copy(update={"calls_at_once": 0})
    async with embedded_stack(settings, lambda _: None, on_any_port=True) as stack, new_session() as session:
        callers = Callers(stack, session)
        await callers.at_once(2, WARM_UP_S)
        found: dict[str, Any] = {str(count): await _measured(stack, callers, count) for count in AT_ONCE}
        found["history"] = await _history(stack)
    json.dump(found, sys.stdout)


async def _measured(stack: EmbeddedStack, callers: Callers, count: int) -> dict[str, float]:
    cpu, began = _cpu_ms(stack), time.monotonic()
    await callers.at_once(count, LASTS_S)
    lasted_s, spent = time.monotonic() - began, _cpu_ms(stack)
    payments = len(callers.took_ms["settle"])
    return {
        "payments_s": payments / lasted_s,
        **{f"{call}_p50_ms": statistics.median(took) for call, took in callers.took_ms.items()},
        **{f"{name}_cpu_ms": (spent[name] - cpu[name]) / payments for name in spent},
    }


def _cpu_ms(stack: EmbeddedStack) -> dict[str, float]:
    """By component, of its whole process group, in ms."""
    groups = {pid: name for name, pid in stack.supervisor.pids.items() if not name.startswith("simulator")}
    spent = dict.fromkeys(groups.values(), 0.0)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            # It has ended meanwhile.
            continue
        if (name := groups.get(int(fields[2]))) is not None:
            spent[name] += (int(fields[11]) + int(fields[12])) * TICK_MS
    return spent


async def _history(stack: EmbeddedStack) -> dict[str, int]:
    """Events and workflow tasks of the first payment, which went well."""
    client = await Client.connect(stack.settings.temporal_address)
    handle = client.get_workflow_handle(payment_workflow_id(stack.settings.hospital, "load-1"))
    kinds = [event.WhichOneof("attributes") async for event in handle.fetch_history_events()]
    return {"events": len(kinds), "tasks": kinds.count("workflow_task_completed_event_attributes")}


if __name__ == "__main__":
    asyncio.run(main())
