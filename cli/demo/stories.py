"""The payments that the demo takes, each the story of one day at a hospital."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from cli.demo.client import Answer, DemoClient
from cli.demo.findings import Findings, ended_as, settled_everywhere
from domain.states import PaymentState

Story = Callable[[DemoClient, Findings], Awaitable[None]]


class Scenario(NamedTuple):
    title: str
    med_org_ord: str
    expected: PaymentState
    story: Story


ZHANG = {"PATIENT_ID": "100001", "ID_NO": "110101199003070134", "PATIENT_NAME": "张三"}
LI = {"PATIENT_ID": "100002", "ID_NO": "11010119900307109X", "PATIENT_NAME": "李四"}

SHORT = {"payment_window_s": 6, "auto_finish_after_s": 2}
"""Seconds. The demo's payment window, and how long it waits for interface 2: 30 and 5 minutes would be long."""


def order_of(med_org_ord: str, patient: dict[str, str], **fields: str) -> dict[str, str]:
    """A call of interface 1."""
    return {
        **patient,
        **fields,
        "medOrgOrd": med_org_ord,
        "payAuthNo": f"auth-{med_org_ord}",
        "uldLatlnt": "116.397,39.908",
        "CHANNEL": "WeChat",
    }


def confirmation(order: dict[str, str], pay_ord_id: str) -> dict[str, str]:
    """The call of interface 2 for it."""
    repeated_fields = {"medOrgOrd", "PATIENT_ID", "CHANNEL", "VISIT_ID"}
    return {**{key: order[key] for key in order.keys() & repeated_fields}, "payOrdId": pay_ord_id}


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


async def auto_finish(client: DemoClient, found: Findings) -> None:
    """The patient pays, the centre says so by 6302, and interface 2 is never called."""
    order = order_of(found.med_org_ord, LI, CATEGORY="1", CLINIC_ID="200002", TOTAL="50.00")
    quoted = found.accepted("pre-settle", await client.pre_settle(order))
    found.split(quoted)
    await client.patient_pays(quoted.get("payOrdId", "?"), notify=True)
    await client.until_state(found.med_org_ord, found.expected)
    await settled_everywhere(client, found)
    visits = await client.his_registrations(found.med_org_ord)
    found.expect("registered by us, nobody called interface 2", len(visits), 1)


async def superseded(client: DemoClient, found: Findings) -> None:
    """The patient leaves the page and comes back: the same bill under a new number."""
    order = order_of(found.med_org_ord, ZHANG, CATEGORY="2", ORDER_ID="900500", TOTAL="5.01", VISIT_ID="V1")
    quoted = found.accepted("pre-settle", await client.pre_settle(order))
    found.split(quoted)
    newer = {**order, "medOrgOrd": f"{found.med_org_ord}-newer", "payAuthNo": "auth-newer"}
    found.accepted("the newer one", await client.pre_settle(newer))
    await ended_as(client, found)
    orders = await client.centre_orders(found.med_org_ord)
    found.expect("revoked at the centre (6401)", [order["ordStas"] for order in orders], [12])
    orders = await client.centre_orders(newer["medOrgOrd"])
    found.expect("the newer one may be paid", [order["ordStas"] for order in orders], [1])


async def expiry(client: DemoClient, found: Findings) -> None:
    """Nobody pays."""
    order = order_of(found.med_org_ord, LI, CATEGORY="2", ORDER_ID="900600", TOTAL="6.01", VISIT_ID="V2")
    found.split(found.accepted("pre-settle", await client.pre_settle(order)))
    await client.until_state(found.med_org_ord, found.expected)
    await ended_as(client, found)
    orders = await client.centre_orders(found.med_org_ord)
    found.expect("asked, then revoked at the centre", [order["ordStas"] for order in orders], [12])


async def refund(client: DemoClient, found: Findings) -> None:
    """A settled bill goes back as a whole; asked for twice, it goes back once."""
    order = order_of(found.med_org_ord, ZHANG, CATEGORY="2", ORDER_ID="900700", TOTAL="7.01", VISIT_ID="V1")
    quoted = found.accepted("pre-settle", await client.pre_settle(order))
    found.split(quoted)
    await client.patient_pays(quoted.get("payOrdId", "?"))
    found.accepted("settle", await client.settle(confirmation(order, quoted.get("payOrdId", "?"))))
    wish = {"refundNo": "R1", "type": "ALL", "payAuthNo": f"auth-{found.med_org_ord}", "reason": "患者未取药"}
    answers = [await client.refund(found.med_org_ord, wish) for _ in range(2)]
    found.accepted("refund", answers[0])
    found.expect("asked for twice, answered the same", answers[1], answers[0])
    await ended_as(client, found)
    refunds = [order["refunds"] for order in await client.centre_orders(found.med_org_ord)]
    found.expect("one refund at the centre (6203)", [len(each) for each in refunds], [1])
    orders = await client.centre_orders(found.med_org_ord)
    found.expect("all of it is back", [order["ordStas"] for order in orders], [7])


async def review(client: DemoClient, found: Findings) -> None:
    """6301's amounts are not 6202's, once: nothing is booked until two people have looked at it."""
    order = order_of(found.med_org_ord, LI, CATEGORY="2", ORDER_ID="900800", TOTAL="8.01", VISIT_ID="V2")
    quoted = found.accepted("pre-settle", await client.pre_settle(order))
    found.split(quoted)
    await client.break_centre(txn="6301", kind="wrong_amount", times=1)
    await client.patient_pays(quoted.get("payOrdId", "?"))
    answer = await client.settle(confirmation(order, quoted.get("payOrdId", "?")))
    found.expect("one fen off: IN_REVIEW, nothing booked", answer["reason"], "IN_REVIEW")
    proposed = await client.propose(found.med_org_ord, "BOOK", by="operator")
    found.accepted("the operator's proposal", proposed)
    alone = await client.approve(found.med_org_ord, "BOOK", by="operator")
    found.expect("the operator can't approve it alone", alone["reason"], "FORBIDDEN")
    found.accepted("the approver's word", await client.approve(found.med_org_ord, "BOOK", by="approver"))
    await settled_everywhere(client, found)


SCENARIOS = (
    Scenario("Outpatient bill", "demo-outpatient", PaymentState.SETTLED, outpatient),
    Scenario("Registration, visit made by us", "demo-registration", PaymentState.SETTLED, registration),
    Scenario("Lost reply of 6202", "demo-lost-reply", PaymentState.SETTLED, lost_reply),
    Scenario("Refused by the centre, revoked", "demo-rejected", PaymentState.REJECTED, rejection),
    Scenario("HIS can't book, reversed", "demo-reversed", PaymentState.REVERSED, reversal),
    Scenario("Paid, and nobody called: finished by us", "demo-auto-finish", PaymentState.SETTLED, auto_finish),
    Scenario("Ordered again: superseded", "demo-superseded", PaymentState.CANCELLED, superseded),
    Scenario("Nobody paid: expired", "demo-expired", PaymentState.EXPIRED, expiry),
    Scenario("Refunded, asked for twice", "demo-refunded", PaymentState.REFUNDED, refund),
    Scenario("A case that two people decide", "demo-review", PaymentState.SETTLED, review),
    Scenario("Both calls again", "demo-outpatient", PaymentState.SETTLED, repeated),
)
