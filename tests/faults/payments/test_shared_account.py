"""Two hospitals with one account at the centre: a number is one payment's, and nobody revokes the other's order."""

import asyncio

from tests.support.stack.api_server import PRE_SETTLE
from tests.support.stack.running import ANNEX_KEY, Call, Stack, data_of, outpatient_call
from tests.support.waiting import eventually


def the_same_number(order: Call) -> Call:
    """Another bill of the same patient and total under the same medOrgOrd: the centre would take it for the first."""
    other = outpatient_call(str(order["medOrgOrd"]))
    return {**order, "ORDER_ID": other["ORDER_ID"], "TOTAL": other["TOTAL"], "payAuthNo": order["payAuthNo"]}


async def at_annex(stack: Stack, order: Call) -> tuple[int, str]:
    return (await stack.answered(PRE_SETTLE, order, key=ANNEX_KEY)).outcome


async def test_the_second_hospital_is_refused_and_the_first_ones_order_stays(stack: Stack, number: str) -> None:
    order = outpatient_call(number)
    pay_ord_id = (await stack.quoted(order))["payOrdId"]

    refused = await stack.answered(PRE_SETTLE, order, key=ANNEX_KEY)

    assert refused.outcome == (200, "ORDER_CONFLICT")
    assert "medOrgOrd" in refused.json["MSG"]
    assert "另一家医院" in refused.json["MSG"]
    assert await at_annex(stack, order) == (200, "ORDER_CONFLICT")
    assert await stack.asked_of_centre(number) == ["6201", "6202"]
    await stack.others.patient_pays(pay_ord_id, notify=True)
    await stack.settled(order, pay_ord_id)
    assert (await stack.ord_stas(number), await stack.bookings(number)) == ([6], 1)


async def test_its_cancel_and_refund_touch_nothing(stack: Stack, number: str) -> None:
    order = outpatient_call(number)
    pay_ord_id = await stack.paid(order)
    assert await at_annex(stack, order) == (200, "ORDER_CONFLICT")
    refund: Call = {"refundNo": "R1", "type": "ALL", "payAuthNo": "A", "reason": "x"}
    for action, body in (("cancel", {}), ("recheck", {}), ("refunds", refund)):
        await stack.answered(f"/api/v1/payments/{number}/{action}", body, key=ANNEX_KEY)
    await stack.settled(order, pay_ord_id)
    assert not {"6401", "6203"} & {*await stack.asked_of_centre(number)}


async def test_at_the_same_instant_one_of_them_is_quoted(stack: Stack, number: str) -> None:
    order = outpatient_call(number)
    ours, theirs = await asyncio.gather(
        stack.answered(PRE_SETTLE, order), stack.answered(PRE_SETTLE, the_same_number(order), key=ANNEX_KEY)
    )
    assert sorted([ours.code, theirs.code]) == ["", "ORDER_CONFLICT"]
    quoted = data_of(ours if ours.code == "" else theirs)
    (at_centre,) = await stack.others.centre_orders(number)
    assert (at_centre["payOrdId"], at_centre["ordStas"]) == (quoted["payOrdId"], 1)


async def test_a_notice_finds_the_payment_that_has_the_order(stack: Stack, number: str) -> None:
    """The hospital that comes first in the file has been refused the number."""
    order = outpatient_call(number)
    quoted = data_of(await stack.answered(PRE_SETTLE, order, key=ANNEX_KEY))
    assert (await stack.pre_settle(order)).outcome == (200, "ORDER_CONFLICT")
    await stack.others.patient_pays(quoted["payOrdId"], notify=True)

    async def is_paid() -> bool:
        path = f"/api/v1/payments/{number}"
        return (await stack.api.call("GET", path, key=ANNEX_KEY)).json["DATA"]["state"] in {"PAID", "SETTLED"}

    await eventually(is_paid)
    assert await stack.state(number) == "REJECTED"
