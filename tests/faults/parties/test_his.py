"""HIS is down, refuses to book, or loses its replies: before the money and after it."""

import pytest

from tests.support.stack.api_server import PRE_SETTLE
from tests.support.stack.running import Stack, outpatient_call, registration_call
from tests.support.waiting import eventually


@pytest.mark.parametrize(
    ("txn", "kind"),
    [("patient", "drop_before"), ("patient", "garbage"), ("prescription_fees", "http_500")],
)
async def test_down_for_a_moment_during_pre_settlement(stack: Stack, number: str, txn: str, kind: str) -> None:
    await stack.others.break_his(txn=txn, kind=kind, times=2)
    await stack.quoted(outpatient_call(number))
    assert await stack.asked_of_centre(number) == ["6201", "6202"]


async def test_down_for_longer_than_a_caller_waits(stack: Stack, number: str) -> None:
    order = outpatient_call(number)
    await stack.others.break_his(txn="patient", kind="http_500", times=-1)
    assert (await stack.api.post(PRE_SETTLE, order)).outcome == (202, "PROCESSING")
    assert await stack.state(number) == "RECEIVED"
    await stack.others.repair()
    await stack.quoted(order)
    assert await stack.ord_stas(number) == [1]


async def test_its_refusal_is_passed_on(stack: Stack, number: str) -> None:
    await stack.others.break_his(txn="prescription_fees", kind="refuse", times=1, message="处方已停用")
    answer = await stack.pre_settle(outpatient_call(number))
    assert answer.outcome == (200, "HIS_REFUSED")
    assert "处方已停用" in answer.json["MSG"]


class TestBookingRefused:
    async def test_of_a_bill_the_money_goes_back(self, stack: Stack, number: str) -> None:
        order = outpatient_call(number)
        pay_ord_id = await stack.paid(order)
        balance = [row["balance"] for row in await stack.others.centre_orders(number)]
        await stack.others.break_his(txn="settle", kind="refuse", times=-1, message="处方已作废")
        answer = await stack.settle(order, pay_ord_id)
        assert answer.outcome == (200, "REVERSED")
        assert "处方已作废" in answer.json["MSG"]
        assert f"退回{order['TOTAL']}元" in answer.json["MSG"]
        (at_centre,) = await stack.others.centre_orders(number)
        assert (at_centre["ordStas"], len(at_centre["refunds"])) == (7, 1)
        assert [at_centre["balance"]] != balance
        assert (await stack.state(number), await stack.bookings(number)) == ("REVERSED", 0)
        await stack.others.repair()
        assert (await stack.settle(order, pay_ord_id)).text == answer.text
        assert (await stack.pre_settle(order)).outcome == (200, "REVERSED")
        assert await stack.bookings(number) == 0

    async def test_of_a_registration_our_visit_is_cancelled(self, stack: Stack, number: str) -> None:
        order = registration_call(number)
        pay_ord_id = await stack.paid(order)
        await stack.others.break_his(txn="settle", kind="refuse", times=-1, message="科室已停诊")
        answer = await stack.settle(order, pay_ord_id)
        assert (answer.outcome, await stack.ord_stas(number)) == ((200, "REVERSED"), [7])

        async def cancelled() -> bool:
            return await stack.visits(number) == []

        await eventually(cancelled)
        assert [row["cancelled"] for row in await stack.others.his_registrations(number)] == [True]

    async def test_of_a_registration_the_callers_visit_is_named(self, stack: Stack, number: str) -> None:
        order = registration_call(number)
        pay_ord_id = await stack.paid(order)
        await stack.others.break_his(txn="settle", kind="refuse", times=-1, message="科室已停诊")
        answer = await stack.settle(order, pay_ord_id, VISIT_ID="V1")
        assert answer.outcome == (200, "REVERSED")
        assert "(VISIT_ID) V1" in answer.json["MSG"]

    async def test_of_the_visit_itself(self, stack: Stack, number: str) -> None:
        order = registration_call(number)
        pay_ord_id = await stack.paid(order)
        await stack.others.break_his(txn="register", kind="refuse", times=-1, message="号源已满")
        assert (await stack.settle(order, pay_ord_id)).outcome == (200, "REVERSED")
        assert (await stack.ord_stas(number), await stack.others.his_registrations(number)) == ([7], [])


class TestReplyLost:
    @pytest.mark.parametrize("kind", ["drop_after", "garbage"])
    async def test_of_the_settlement_which_is_booked_once(self, stack: Stack, number: str, kind: str) -> None:
        order = outpatient_call(number)
        pay_ord_id = await stack.paid(order)
        await stack.others.break_his(txn="settle", kind=kind, times=1)
        await stack.settled(order, pay_ord_id)
        assert (await stack.bookings(number), await stack.ord_stas(number)) == (1, [6])

    async def test_of_the_registration_which_is_made_once(self, stack: Stack, number: str) -> None:
        order = registration_call(number)
        pay_ord_id = await stack.paid(order)
        await stack.others.break_his(txn="register", kind="drop_after", times=1)
        await stack.others.break_his(txn="settle", kind="drop_after", times=1)
        confirmed = await stack.settled(order, pay_ord_id)
        rows = await stack.others.his_registrations(number)
        assert [row["VISIT_ID"] for row in rows] == [confirmed["VISIT_ID"]]
        assert await stack.bookings(number) == 1

    async def test_of_a_settlement_that_never_arrived(self, stack: Stack, number: str) -> None:
        """Told again only when the first can't arrive any more: after twice MEDPAY_HIS_TIMEOUT_S, which is 2 s here."""
        order = outpatient_call(number)
        pay_ord_id = await stack.paid(order)
        await stack.others.break_his(txn="settle", kind="http_500", times=1)
        await stack.settled(order, pay_ord_id)
        assert (await stack.bookings(number), await stack.ord_stas(number)) == (1, [6])

    async def test_of_a_settlement_that_arrives_late(self, stack: Stack, number: str) -> None:
        order = outpatient_call(number)
        pay_ord_id = await stack.paid(order)
        await stack.others.break_his(txn="settle", kind="delay", times=1, seconds=3)
        await stack.settled(order, pay_ord_id)
        assert (await stack.bookings(number), await stack.ord_stas(number)) == (1, [6])


async def test_what_the_caller_booked_itself_is_taken(stack: Stack, number: str) -> None:
    """Product rule 9: HIS is asked by medOrgOrd first, and not told a second time."""
    order = outpatient_call(number, ORDER_ID="904321", TOTAL="43.22")
    pay_ord_id = await stack.paid(order)
    await stack.caller_books(order, total_fen=4322)
    await stack.settled(order, pay_ord_id)
    assert (await stack.bookings(number), await stack.state(number)) == (1, "SETTLED")
