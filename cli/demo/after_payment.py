"""What comes after the money: a refund, and a case that two people decide."""

from cli.demo.checks import Findings, ended_as, settled_everywhere
from cli.demo.client import DemoClient
from cli.demo.orders import LI, ZHANG, confirmation, order_of


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
