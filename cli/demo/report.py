"""The demo's table."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.demo.checks import Findings

WIDTH_WITHOUT_TERMINAL = 200


@dataclass(frozen=True)
class Row:
    title: str
    found: Findings
    duration_s: float
    link: str

    @property
    def well(self) -> bool:
        return not self.found.problems


def new_console() -> Console:
    """As wide as the terminal; wide enough for whole links where the output goes to a file."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH_WITHOUT_TERMINAL)


def print_report(console: Console, rows: Sequence[Row], started: float) -> None:
    """One row a payment; `started` is the monotonic time at which the demo began."""
    table = Table(title="Payments taken through the HTTP API", show_lines=True)
    table.add_column("Payment, and its story in the Temporal UI", overflow="fold", ratio=3)
    table.add_column("State", no_wrap=True)
    table.add_column("Total = fund + account + cash", no_wrap=True)
    table.add_column("Seconds", justify="right", no_wrap=True)
    table.add_column("Checked at the centre and in HIS", ratio=2)
    for row in rows:
        mark = "[green]✔[/]" if row.well else "[red]✘[/]"
        checked = "\n".join([*row.found.proof, *(f"[red]{escape(problem)}[/]" for problem in row.found.problems)])
        payment = f"{mark} {row.title}\n{row.link}"
        table.add_row(payment, row.found.state, row.found.amounts, f"{row.duration_s:.2f}", checked)
    console.print(table)
    good = sum(row.well for row in rows)
    console.print(f"{good} of {len(rows)} ended as they should, in {time.monotonic() - started:.0f} s")
