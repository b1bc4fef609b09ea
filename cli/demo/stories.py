"""The payments that the demo takes, each a story from a hospital's day."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from cli.demo.client import Answer, DemoClient
from cli.demo.findings import Findings, ended_as_expected, settled_everywhere
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
"""Seconds. The demo can't wait for the default payment window (30 min) and automatic finish (5 min)."""


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
    """A call of interface 2 for the order."""
    repeated_fields = {"medOrgOrd", "PATIENT_ID", "CHANNEL", "VISIT_ID"}
    return {**{key: order[key] for key in order.keys() & repeated_fields}, "payOrdId": pay_ord_id}


_OUTPATIENT = order_of("demo-outpatient", ZHANG, CATEGORY="2", ORDER_ID="300001", TOTAL="128.50", VISIT_ID="V1")


async def _pre_settle(client: DemoClient, found: Findings, order: dict[str, str]) -> str:
    """Interface 1, which should be accepted; the payOrdId, or `?`."""
    quoted = found.accepted("pre-settle", await client.pre_settle(order))
    found.split(quoted)
    return str(quoted.get("payOrdId", "?"))


async def _pay(client: DemoClient, found: Findings, order: dict[str, str]) -> Answer:
    """Pre-settle, let the patient pay, settle. The DATA of interface 2."""
    pay_ord_id = await _pre_settle(client, found, order)
    if found.problems:
        return {}
    await client.patient_pays(pay_ord_id)
    return found.accepted("settle", await client.settle(confirmation(order, pay_ord_id)))


async def outpatient(client: DemoClient, found: Findings) -> None:
    await _pay(client, found, _OUTPATIENT)
    await settled_everywhere(client, found)


async def repeated(client: DemoClient, found: Findings) -> None:
    """Both calls of the outpatient bill are repeated after the payment has closed."""
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
    await ended_as_expected(client, found)
    found.expect("revoked at the centre (6401)", await client.ord_stas(found.med_org_ord), [12])


async def reversal(client: DemoClient, found: Findings) -> None:
    """The centre has settled, HIS refuses to book: the money goes back within the hour."""
    order = order_of(found.med_org_ord, LI, CATEGORY="2", ORDER_ID="900987", TOTAL="9.88", VISIT_ID="V2")
    pay_ord_id = await _pre_settle(client, found, order)
    await client.patient_pays(pay_ord_id)
    await client.break_his(txn="settle", kind="refuse", times=-1, message="处方已作废")
    answer = await client.settle(confirmation(order, pay_ord_id))
    found.expect("the caller is told REVERSED", answer["reason"], "REVERSED")
    await ended_as_expected(client, found)
    found.expect("refunded in full at the centre", await client.ord_stas(found.med_org_ord), [7])
    found.expect("nothing booked in HIS", await client.his_settlements(found.med_org_ord), [])


async def auto_finish(client: DemoClient, found: Findings) -> None:
    """The patient pays, the centre sends a 6302, and interface 2 is never called."""
    order = order_of(found.med_org_ord, LI, CATEGORY="1", CLINIC_ID="200002", TOTAL="50.00")
    await client.patient_pays(await _pre_settle(client, found, order), notify=True)
    await client.until_state(found.med_org_ord, found.expected)
    await settled_everywhere(client, found)
    visits = await client.his_registrations(found.med_org_ord)
    found.expect("registered by us, nobody called interface 2", len(visits), 1)


async def superseded(client: DemoClient, found: Findings) -> None:
    """The patient leaves the page and comes back: the same bill is ordered again under a new number."""
    order = order_of(found.med_org_ord, ZHANG, CATEGORY="2", ORDER_ID="900500", TOTAL="5.01", VISIT_ID="V1")
    await _pre_settle(client, found, order)
    newer = {**order, "medOrgOrd": f"{found.med_org_ord}-newer", "payAuthNo": "auth-newer"}
    found.accepted("the newer one", await client.pre_settle(newer))
    await ended_as_expected(client, found)
    found.expect("revoked at the centre (6401)", await client.ord_stas(found.med_org_ord), [12])
    found.expect("the newer one may be paid", await client.ord_stas(newer["medOrgOrd"]), [1])


async def expiry(client: DemoClient, found: Findings) -> None:
    """Nobody pays."""
    order = order_of(found.med_org_ord, LI, CATEGORY="2", ORDER_ID="900600", TOTAL="6.01", VISIT_ID="V2")
    await _pre_settle(client, found, order)
    await client.until_state(found.med_org_ord, found.expected)
    await ended_as_expected(client, found)
    found.expect("asked, then revoked at the centre", await client.ord_stas(found.med_org_ord), [12])


async def refund(client: DemoClient, found: Findings) -> None:
    """A settled bill is refunded in full; asked for twice, it is refunded once."""
    order = order_of(found.med_org_ord, ZHANG, CATEGORY="2", ORDER_ID="900700", TOTAL="7.01", VISIT_ID="V1")
    await _pay(client, found, order)
    wish = {"refundNo": "R1", "type": "ALL", "payAuthNo": f"auth-{found.med_org_ord}", "reason": "患者未取药"}
    answers = [await client.refund(found.med_org_ord, wish) for _ in range(2)]
    found.accepted("refund", answers[0])
    found.expect("asked for twice, answered the same", answers[1], answers[0])
    await ended_as_expected(client, found)
    orders = await client.centre_orders(found.med_org_ord)
    found.expect("one refund at the centre (6203)", [len(order["refunds"]) for order in orders], [1])
    found.expect("all of it is back", [order["ordStas"] for order in orders], [7])


async def review(client: DemoClient, found: Findings) -> None:
    """6301's amounts once differ from 6202's: nothing is booked until two people have looked at it."""
    order = order_of(found.med_org_ord, LI, CATEGORY="2", ORDER_ID="900800", TOTAL="8.01", VISIT_ID="V2")
    pay_ord_id = await _pre_settle(client, found, order)
    await client.break_centre(txn="6301", kind="wrong_amount", times=1)
    await client.patient_pays(pay_ord_id)
    answer = await client.settle(confirmation(order, pay_ord_id))
    found.expect("one fen off: IN_REVIEW, nothing booked", answer["reason"], "IN_REVIEW")
    proposed = await client.propose(found.med_org_ord, "BOOK", by="operator")
    found.accepted("the operator's proposal", proposed)
    alone = await client.approve(found.med_org_ord, proposed, by="operator")
    found.expect("the operator can't approve it alone", alone["reason"], "FORBIDDEN")
    found.accepted("the approver's word", await client.approve(found.med_org_ord, proposed, by="approver"))
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
