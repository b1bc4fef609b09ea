"""`medpay demo`: takes real payments on an embedded stack of its own."""

import asyncio
import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Annotated

import aiohttp
import typer
from rich.console import Console

from cli.demo.client import DemoClient, new_session
from cli.demo.findings import Findings, Row, new_console, print_report
from cli.demo.stories import SCENARIOS, SHORT, Scenario
from cli.foreground import run_until_stopped
from cli.stack.embedded import EmbeddedStack, embedded_stack
from domain.ids import payment_workflow_id
from settings import Settings, env_name

INTERRUPTED = 130
app = typer.Typer()


@app.command()
def demo(
    *,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the stack up until Ctrl-C, so that its links work.")
    ] = False,
) -> None:
    """Take real payments through the HTTP API on a stack of its own; exit 0 only if each ended as it should."""
    raise typer.Exit(run_until_stopped(run_demo(keep=keep), when_stopped=INTERRUPTED))


def demo_settings(folder: Path) -> Settings:
    """Settings that ignore the user's own: a demo must not meet a real centre or a real database."""
    binary = os.environ.get(env_name("temporal_cli"))
    for name in [name for name in os.environ if name.startswith("MEDPAY_")]:
        del os.environ[name]
    return Settings(_env_file=None, data_dir=folder, temporal_cli=binary)


async def run_demo(*, keep: bool) -> int:
    """The exit code: 0 only if each payment ended as it should according to us, the centre and HIS.

    `keep`: leave the stack up until the task is cancelled; the verdict stays the same.
    """
    folder = Path(tempfile.mkdtemp(prefix="medpay-demo-"))
    console = new_console()
    started = time.monotonic()
    settings = demo_settings(folder).model_copy(update=SHORT)
    async with embedded_stack(settings, console.print, on_any_port=True) as stack:
        rows = await stack.supervisor.run(_take_payments(console, stack))
        print_report(console, rows, started)
        if keep:
            console.print(f"{stack.api_url}/docs and {stack.temporal_ui_url} stay up until Ctrl-C")
            with contextlib.suppress(asyncio.CancelledError):
                await stack.supervisor.run(asyncio.Event().wait())
    if all(row.well for row in rows):
        shutil.rmtree(folder, ignore_errors=True)
        if not keep:
            console.print("The links work while the stack is up: .venv/bin/medpay demo --keep")
        return 0
    console.print(f"What happened is in {folder / 'logs'}; to look around: MEDPAY_DATA_DIR={folder} medpay up")
    return 1


async def _take_payments(console: Console, stack: EmbeddedStack) -> list[Row]:
    rows = []
    async with new_session() as session:
        client = DemoClient(stack, session)
        for scenario in SCENARIOS:
            with console.status(scenario.title, spinner="line" if console.options.ascii_only else "dots"):
                rows.append(await _take(scenario, client, stack))
            await client.repair()
    return rows


async def _take(scenario: Scenario, client: DemoClient, stack: EmbeddedStack) -> Row:
    began = time.monotonic()
    found = Findings(scenario.med_org_ord, scenario.expected)
    try:
        await scenario.story(client, found)
    except (aiohttp.ClientError, TimeoutError, LookupError, ValueError) as error:
        found.problems.append(f"{type(error).__name__}: {error}")
    link = stack.workflow_url(payment_workflow_id(stack.settings.hospital, found.med_org_ord))
    return Row(scenario.title, found, time.monotonic() - began, link)
