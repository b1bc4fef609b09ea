"""The payments that the demo takes, each the story of one day at a hospital."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from cli.demo.checks import Findings, ended_as, settled_everywhere
from cli.demo.client import Answer, DemoClient
from cli.demo.endings import auto_finish, expiry, superseded
from cli.demo.orders import LI, ZHANG, confirmation, order_of
from domain.states import PaymentState

Story = Callable[[DemoClient, Findings], Awaitable[None]]


class Scenario(NamedTuple):
    title: str
    med_org_ord: str
    expected: PaymentState
    story: Story


_OUTPATIENT = order_of("demo-outpatient", ZHANG, CATEGORY="2", ORDER_ID="300001", TOTAL="128.50", VISIT_ID="V1")


async def _pay(client: DemoClient, found: Findings, order: dict[str, str]) -> Answer:
    """Pre-settle, the patient pays, settle. The DATA of interface 2."""
    quoted = found.accepted("pre-settle", await client.pre_settle(order))
    if not quoted:
        return {}
    found.split(quoted)
    await client.patient_pays(quoted["payOrdId"])
    return found.accepted("settle", await client.settle(confirmation(order, quoted["payOrdId"])))


async def outpatient(client: DemoClient, found: Findings) -> None:
    await _pay(client, found, _OUTPATIENT)
    await settled_everywhere(client, found)


async def repeated(client: DemoClient, found: Findings) -> None:
    """Both calls of the outpatient bill again, after it closed."""
    first = await client.pre_settle(_OUTPATIENT)
    quoted = found.accepted("pre-settle", first)
    found.split(quoted)
    found.expect("interface 1 answers the same again", await client.pre_settle(_OUTPATIENT), first)
    confirmed = confirmation(_OUTPATIENT, quoted.get("payOrdId", ""))
    once, again = await client.settle(confirmed), await client.settle(confirmed)
    found.accepted("settle", once)
    found.expect("interface 2 too", again, once)
    await settled_everywhere(client, found)


async def registration(client: DemoClient, found: Findings) -> None:
    """Without VISIT_ID: the visit is made in HIS once the money is there."""
    order = order_of(found.med_org_ord, LI, CATEGORY="1", CLINIC_ID="200001", TOTAL="25.00")
    confirmed = await _pay(client, found, order)
    visits = [visit["VISIT_ID"] for visit in await client.his_registrations(found.med_org_ord)]
    found.expect("the visit in HIS is the one answered", visits, [confirmed.get("VISIT_ID")])
    await settled_everywhere(client, found)


async def lost_reply(client: DemoClient, found: Findings) -> None:
    """The centre places the order, and its answer never arrives."""
    order = order_of(found.med_org_ord, ZHANG, CATEGORY="2", ORDER_ID="300002", TOTAL="76.30", VISIT_ID="V1")
    await client.break_centre(txn="6202", kind="drop_after", times=1)
    await _pay(client, found, order)
    faults = [call.get("fault") for call in await client.centre_calls(found.med_org_ord)]
    found.expect("one reply was lost", faults.count("drop_after"), 1)
    await settled_everywhere(client, found)


async def rejection(client: DemoClient, found: Findings) -> None:
    """The centre takes the fees and refuses the order: they are revoked with 6401."""
    order = order_of(found.med_org_ord, ZHANG, CATEGORY="2", ORDER_ID="900411", TOTAL="4.12", VISIT_ID="V1")
    found.amounts = order["TOTAL"]
    await client.break_centre(txn="6202", kind="refuse", times=1, message="预结算金额不匹配")
    answer = await client.pre_settle(order)
    found.expect("the caller is told INSURANCE_REFUSED", answer["reason"], "INSURANCE_REFUSED")
    await ended_as(client, found)
    orders = await client.centre_orders(found.med_org_ord)
    found.expect("revoked at the centre (6401)", [order["ordStas"] for order in orders], [12])


async def reversal(client: DemoClient, found: Findings) -> None:
    """The centre has settled, HIS refuses to book: the money goes back inside the hour."""
    order = order_of(found.med_org_ord, LI, CATEGORY="2", ORDER_ID="900987", TOTAL="9.88", VISIT_ID="V2")
    quoted = found.accepted("pre-settle", await client.pre_settle(order))
    found.split(quoted)
    await client.patient_pays(quoted.get("payOrdId", "?"))
    await client.break_his(txn="settle", kind="refuse", times=-1, message="处方已作废")
    answer = await client.settle(confirmation(order, quoted.get("payOrdId", "")))
    found.expect("the caller is told REVERSED", answer["reason"], "REVERSED")
    await ended_as(client, found)
    orders = await client.centre_orders(found.med_org_ord)
    found.expect("refunded in full at the centre", [order["ordStas"] for order in orders], [7])
    found.expect("nothing booked in HIS", await client.his_settlements(found.med_org_ord), [])


SCENARIOS = (
    Scenario("Outpatient bill", "demo-outpatient", PaymentState.SETTLED, outpatient),
    Scenario("Registration, visit made by us", "demo-registration", PaymentState.SETTLED, registration),
    Scenario("Lost reply of 6202", "demo-lost-reply", PaymentState.SETTLED, lost_reply),
    Scenario("Refused by the centre, revoked", "demo-rejected", PaymentState.REJECTED, rejection),
    Scenario("HIS can't book, reversed", "demo-reversed", PaymentState.REVERSED, reversal),
    Scenario("Paid, and nobody called: finished by us", "demo-auto-finish", PaymentState.SETTLED, auto_finish),
    Scenario("Ordered again: superseded", "demo-superseded", PaymentState.CANCELLED, superseded),
    Scenario("Nobody paid: expired", "demo-expired", PaymentState.EXPIRED, expiry),
    Scenario("Both calls again", "demo-outpatient", PaymentState.SETTLED, repeated),
)
