"""Payments whose histories are kept beside the demo's: rarer paths, told in the same way."""

from collections.abc import Awaitable, Callable

from cli.demo.client import DemoClient
from cli.demo.stories import LI, ZHANG, confirmation, order_of
from domain.states import PaymentState

Story = Callable[[DemoClient, str], Awaitable[None]]


async def centre_slow_to_say_paid(client: DemoClient, med_org_ord: str) -> None:
    """HIS is asked beside 6301, and its answer has grown old when 6301 is answered at last."""
    confirmed = await _paid(client, order_of(med_org_ord, ZHANG, CATEGORY="2", **_bill(900900)))
    await client.break_centre(txn="6301", kind="http_500", times=3)
    await client.settle(confirmed)
    await client.until_state(med_org_ord, PaymentState.SETTLED)


async def _paid(client: DemoClient, order: dict[str, str]) -> dict[str, str]:
    """Pre-settled and paid for; the settle call that follows."""
    quoted = await client.pre_settle(order)
    pay_ord_id = quoted["DATA"]["payOrdId"]
    await client.patient_pays(pay_ord_id)
    return confirmation(order, pay_ord_id)


def _bill(number: int) -> dict[str, str]:
    """One of the simulator's endless bills, with what it costs."""
    fen = number % 100_000 + 1
    return {"ORDER_ID": str(number), "TOTAL": f"{fen // 100}.{fen % 100:02d}", "VISIT_ID": "V1"}


async def late_money(client: DemoClient, med_org_ord: str) -> None:
    """Nobody pays in time; then somebody does, and the centre says so by 6302."""
    order = order_of(med_org_ord, LI, CATEGORY="2", ORDER_ID="901000", TOTAL="10.01", VISIT_ID="V2")
    quoted = await client.pre_settle(order)
    await client.until_state(med_org_ord, PaymentState.EXPIRED)
    await client.patient_pays(quoted["DATA"]["payOrdId"], notify=True)
    await client.until_state(med_org_ord, PaymentState.IN_REVIEW)
    proposed = await client.propose(med_org_ord, "BOOK", by="operator")
    await client.approve(med_org_ord, proposed, by="approver")
    await client.until_state(med_org_ord, PaymentState.SETTLED)


async def booked_at_once(client: DemoClient, med_org_ord: str, bill: int = 901100) -> None:
    """PAID passes too soon to be shown."""
    await client.settle(await _paid(client, order_of(med_org_ord, ZHANG, CATEGORY="2", **_bill(bill))))


async def his_keeps_it_waiting(client: DemoClient, med_org_ord: str) -> None:
    """PAID lasts, and is shown."""
    confirmed = await _paid(client, order_of(med_org_ord, ZHANG, CATEGORY="2", **_bill(901200)))
    await client.break_his(txn="settle", kind="delay", times=1, seconds=2)
    await client.settle(confirmed)


async def refund_by_two(client: DemoClient, med_org_ord: str) -> None:
    """An operator proposes a refund, and another person approves it."""
    await booked_at_once(client, med_org_ord, 901300)
    wish = {"refundNo": "R1", "type": "ALL", "payAuthNo": f"auth-{med_org_ord}", "reason": "患者未取药"}
    proposed = await client.refund(med_org_ord, wish, by="operator")
    await client.approve(med_org_ord, proposed, by="approver", refund_no="R1")
    await client.until_state(med_org_ord, PaymentState.REFUNDED)


STORIES: dict[str, Story] = {
    "slow-centre": centre_slow_to_say_paid,
    "reopened": late_money,
    "at-once": booked_at_once,
    "kept-waiting": his_keeps_it_waiting,
}
"""By the name of the file."""
