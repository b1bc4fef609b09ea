"""What a story found, as a row of the report: what was proved, and everything that is not as it should be."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.demo.client import Answer, DemoClient

WIDTH_WITHOUT_TERMINAL = 200


@dataclass
class Findings:
    """Filled in by a story. `problems` stays empty if all is well."""

    med_org_ord: str
    expected: str
    state: str = "?"
    amounts: str = ""
    proof: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def expect(self, what: str, found: object, wanted: object) -> None:
        """Note `what` as proof if the values are equal, else as a problem with both values."""
        if found == wanted:
            self.proof.append(what)
        else:
            self.problems.append(f"{what}: expected {wanted}, found {found}")

    def accepted(self, call: str, answer: Answer) -> Answer:
        """The DATA of an answer that should be a success; a refusal is noted as a problem."""
        if answer["CODE"] != 0:
            self.problems.append(f"{call} was refused: {answer['reason']} {answer['MSG']}")
        data: Answer = answer.get("DATA") or {}
        return data

    def split(self, data: Answer) -> None:
        """Note the amounts: feeSumamt = fundPay + psnAcctPay + ownPayAmt."""
        if data:
            self.amounts = "{feeSumamt} = {fundPay} + {psnAcctPay} + {ownPayAmt}".format_map(data)


async def settled_everywhere(client: DemoClient, found: Findings) -> None:
    """Expect that we, the centre and HIS agree on one settled payment."""
    await ended_as_expected(client, found)
    found.expect("one order at the centre, settled", await client.ord_stas(found.med_org_ord), [6])
    settlements = await client.his_settlements(found.med_org_ord)
    found.expect("booked once in HIS", len(settlements), 1)


async def ended_as_expected(client: DemoClient, found: Findings) -> None:
    found.state = await client.state(found.med_org_ord)
    if found.state != found.expected:
        found.problems.append(f"the payment is {found.state}, not {found.expected}")


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
    """As wide as the terminal, or wide enough for whole links if the output goes to a file."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH_WITHOUT_TERMINAL)


def print_report(console: Console, rows: Sequence[Row], started: float) -> None:
    """Print a row for each payment. `started`: the monotonic time at which the demo began."""
    table = Table(title="Payments taken through the HTTP API", show_lines=True)
    table.add_column("Payment, and its story in the Temporal UI", overflow="fold", ratio=3)
    table.add_column("State", no_wrap=True)
    table.add_column("Total = fund + account + cash", no_wrap=True)
    table.add_column("Seconds", justify="right", no_wrap=True)
    table.add_column("Checked at the centre and in HIS", ratio=2)
    # √ and × are in GBK too, unlike ✔ and ✘.
    well, ill = ("√", "×") if console.options.ascii_only else ("✔", "✘")
    for row in rows:
        mark = f"[green]{well}[/]" if row.well else f"[red]{ill}[/]"
        checked = "\n".join([*row.found.proof, *(f"[red]{escape(problem)}[/]" for problem in row.found.problems)])
        payment = f"{mark} {row.title}\n{row.link}"
        table.add_row(payment, row.found.state, row.found.amounts, f"{row.duration_s:.2f}", checked)
    console.print(table)
    good = sum(row.well for row in rows)
    console.print(f"{good} of {len(rows)} ended as they should, in {time.monotonic() - started:.0f} s")
