"""Every change, lost before it arrived and after, with 5xx, garbage and a bad signature: asked, never guessed.

What stands in the other files of this folder in more detail is not here again.
"""

import pytest

from tests.support.stack.running import Stack, outpatient_call, registration_call


@pytest.mark.parametrize("kind", ["drop_before", "http_500", "garbage", "bad_signature"])
async def test_6201_is_repeated_and_makes_one_order(stack: Stack, number: str, kind: str) -> None:
    order = outpatient_call(number)
    await stack.others.break_centre(txn="6201", kind=kind, times=1)
    await stack.settled(order, await stack.paid(order))
    assert await stack.ord_stas(number) == [6]
    assert (await stack.asked_of_centre(number))[:3] == ["6201", "6201", "6202"]


async def test_6202_after_a_server_error_is_asked_for_first(stack: Stack, number: str) -> None:
    await stack.others.break_centre(txn="6202", kind="http_500", times=1)
    await stack.quoted(outpatient_call(number))
    assert await stack.asked_of_centre(number) == ["6201", "6202", "6301", "6202"]
    assert await stack.ord_stas(number) == [1]


@pytest.mark.parametrize("kind", ["drop_before", "http_500", "garbage"])
async def test_6203_gives_the_money_back_once(stack: Stack, number: str, kind: str) -> None:
    order = outpatient_call(number)
    pay_ord_id = await stack.paid(order)
    await stack.others.break_his(txn="settle", kind="refuse", times=-1, message="处方已作废")
    await stack.others.break_centre(txn="6203", kind=kind, times=1)
    assert (await stack.settle(order, pay_ord_id)).outcome == (200, "REVERSED")
    (at_centre,) = await stack.others.centre_orders(number)
    assert (at_centre["ordStas"], len(at_centre["refunds"])) == (7, 1)
    # Where the first one was made, the second only brings its refdSn.
    assert (await stack.asked_of_centre(number)).count("6203") == 2


@pytest.mark.parametrize("kind", ["drop_before", "http_500", "garbage", "bad_signature"])
async def test_6401_leaves_nothing_payable(stack: Stack, number: str, kind: str) -> None:
    await stack.others.break_centre(txn="6202", kind="refuse", times=1, message="余额不足")
    await stack.others.break_centre(txn="6401", kind=kind, times=1)
    assert (await stack.pre_settle(outpatient_call(number))).outcome == (200, "INSURANCE_REFUSED")
    assert (await stack.state(number), await stack.ord_stas(number)) == ("REJECTED", [12])


@pytest.mark.parametrize("kind", ["drop_before", "http_500", "garbage"])
async def test_register_makes_one_visit(stack: Stack, number: str, kind: str) -> None:
    order = registration_call(number)
    pay_ord_id = await stack.paid(order)
    await stack.others.break_his(txn="register", kind=kind, times=1)
    confirmed = await stack.settled(order, pay_ord_id)
    rows = await stack.others.his_registrations(number)
    assert [row["VISIT_ID"] for row in rows] == [confirmed["VISIT_ID"]]
    assert (await stack.bookings(number), await stack.ord_stas(number)) == (1, [6])


async def test_settle_that_never_left_is_booked_once(stack: Stack, number: str) -> None:
    order = outpatient_call(number)
    pay_ord_id = await stack.paid(order)
    await stack.others.break_his(txn="settle", kind="drop_before", times=1)
    await stack.settled(order, pay_ord_id)
    assert (await stack.bookings(number), await stack.ord_stas(number)) == (1, [6])
