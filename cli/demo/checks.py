"""What a scenario found: its row in the table, and everything that was not as it should be."""

from dataclasses import dataclass, field
from typing import Any

from cli.demo.client import Answer, DemoClient


@dataclass
class Findings:
    """Filled in by a scenario. `problems` stays empty if all was well."""

    med_org_ord: str
    expected: str
    state: str = "?"
    amounts: str = ""
    proof: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def expect(self, what: str, found: Any, wanted: Any) -> None:  # noqa: ANN401 - any two JSON values
        """Count it as proof if equal, else as a problem with both values."""
        if found == wanted:
            self.proof.append(what)
        else:
            self.problems.append(f"{what}: expected {wanted}, found {found}")

    def accepted(self, call: str, answer: Answer) -> Answer:
        """The DATA of an answer that should be a success; its refusal is a problem."""
        if answer["CODE"] != 0:
            self.problems.append(f"{call} was refused: {answer['reason']} {answer['MSG']}")
        data: Answer = answer.get("DATA") or {}
        return data

    def split(self, data: Answer) -> None:
        """feeSumamt = fundPay + psnAcctPay + ownPayAmt."""
        if data:
            self.amounts = "{feeSumamt} = {fundPay} + {psnAcctPay} + {ownPayAmt}".format_map(data)


async def settled_everywhere(client: DemoClient, found: Findings) -> None:
    """We, the centre and HIS agree on one settled payment."""
    await ended_as(client, found)
    orders = await client.centre_orders(found.med_org_ord)
    found.expect("one order at the centre, settled", [order["ordStas"] for order in orders], [6])
    settlements = await client.his_settlements(found.med_org_ord)
    found.expect("booked once in HIS", len(settlements), 1)


async def ended_as(client: DemoClient, found: Findings) -> None:
    found.state = await client.state(found.med_org_ord)
    if found.state != found.expected:
        found.problems.append(f"the payment is {found.state}, not {found.expected}")
