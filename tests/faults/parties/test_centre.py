"""The insurance centre is slow, refuses, loses replies, or answers what can't be believed."""

import asyncio

import pytest

from tests.support.stack.api_server import PRE_SETTLE, SETTLE
from tests.support.stack.running import Stack, outpatient_call, registration_call, settle_call
from tests.support.waiting import eventually

WELL_BEYOND_S = 13
"""MEDPAY_SYNC_WAIT_S is 3 s here, and after it there is something to look at."""


class TestSlow:
    async def test_at_pre_settlement(self, stack: Stack, number: str) -> None:
        order = outpatient_call(number)
        await stack.others.break_centre(txn="6202", kind="delay", times=1, seconds=WELL_BEYOND_S)
        answer = await stack.api.post(PRE_SETTLE, order)
        assert answer.outcome == (202, "PROCESSING")
        assert (answer.json["CODE"], int(answer.headers["Retry-After"]) > 0) == (-1, True)
        assert await stack.state(number) == "FEE_UPLOADED"
        quoted = await stack.quoted(order)
        assert [quoted["payOrdId"]] == [row["payOrdId"] for row in await stack.others.centre_orders(number)]
        assert await stack.asked_of_centre(number) == ["6201", "6202"]

    async def test_at_settlement(self, stack: Stack, number: str) -> None:
        order = outpatient_call(number)
        pay_ord_id = await stack.paid(order)
        await stack.others.break_centre(txn="6301", kind="delay", times=1, seconds=WELL_BEYOND_S)
        answer = await stack.api.post(SETTLE, settle_call(order, pay_ord_id))
        assert answer.outcome == (202, "PROCESSING")
        assert answer.headers["Retry-After"]
        await stack.settled(order, pay_ord_id)
        assert (await stack.ord_stas(number), await stack.bookings(number)) == ([6], 1)


class TestReplyLost:
    async def test_of_6201_which_is_repeated(self, stack: Stack, number: str) -> None:
        await stack.others.break_centre(txn="6201", kind="drop_after", times=1)
        order = outpatient_call(number)
        await stack.settled(order, await stack.paid(order))
        calls = [(call["txn"], call["verdict"]) for call in await stack.others.centre_calls(number)]
        assert calls[:3] == [("6201", "applied"), ("6201", "replayed"), ("6202", "applied")]
        assert await stack.ord_stas(number) == [6]

    @pytest.mark.parametrize("kind", ["drop_after", "garbage", "bad_signature"])
    async def test_of_6202_which_is_asked_for(self, stack: Stack, number: str, kind: str) -> None:
        """Garbage and an unsigned answer are no answers: 6301 comes before anything is placed again."""
        await stack.others.break_centre(txn="6202", kind=kind, times=1)
        order = outpatient_call(number)
        quoted = await stack.quoted(order)
        assert await stack.asked_of_centre(number) == ["6201", "6202", "6301"]
        parts = {name: quoted[name] for name in ("feeSumamt", "ownPayAmt", "psnAcctPay", "fundPay")}
        placed = await stack.others.centre_orders(number)
        assert [{name: row[name] for name in parts} for row in placed] == [parts]
        await stack.others.patient_pays(quoted["payOrdId"])
        await stack.settled(order, quoted["payOrdId"])

    async def test_of_6202_and_of_the_question_too(self, stack: Stack, number: str) -> None:
        await stack.others.break_centre(txn="6202", kind="drop_after", times=1)
        await stack.others.break_centre(txn="6301", kind="http_500", times=1)
        await stack.quoted(outpatient_call(number))
        assert await stack.asked_of_centre(number) == ["6201", "6202", "6301", "6301"]
        assert await stack.ord_stas(number) == [1]

    async def test_of_a_6202_that_never_arrived(self, stack: Stack, number: str) -> None:
        await stack.others.break_centre(txn="6202", kind="drop_before", times=1)
        await stack.quoted(outpatient_call(number))
        assert await stack.asked_of_centre(number) == ["6201", "6202", "6301", "6202"]
        assert await stack.ord_stas(number) == [1]

    @pytest.mark.parametrize("kind", ["drop_after", "bad_signature"])
    async def test_of_6203_which_is_asked_for(self, stack: Stack, number: str, kind: str) -> None:
        order = outpatient_call(number)
        pay_ord_id = await stack.paid(order)
        await stack.others.break_his(txn="settle", kind="refuse", times=-1, message="处方已作废")
        await stack.others.break_centre(txn="6203", kind=kind, times=1)
        assert (await stack.settle(order, pay_ord_id)).outcome == (200, "REVERSED")
        (at_centre,) = await stack.others.centre_orders(number)
        assert (at_centre["ordStas"], len(at_centre["refunds"])) == (7, 1)
        # The money is back, and the same appRefdSn again brings its refdSn.
        assert (await stack.asked_of_centre(number))[-3:] == ["6203", "6301", "6203"]

    @pytest.mark.parametrize("kind", ["garbage", "bad_signature", "http_500"])
    async def test_of_6301_which_is_neither_paid_nor_failed(self, stack: Stack, number: str, kind: str) -> None:
        order = outpatient_call(number)
        pay_ord_id = await stack.paid(order)
        await stack.others.break_centre(txn="6301", kind=kind, times=2)
        await stack.settled(order, pay_ord_id)
        assert (await stack.ord_stas(number), await stack.bookings(number)) == ([6], 1)

    async def test_of_6401_which_is_asked_for(self, stack: Stack, number: str) -> None:
        await stack.others.break_centre(txn="6202", kind="refuse", times=1, message="余额不足")
        await stack.others.break_centre(txn="6401", kind="drop_after", times=1)
        assert (await stack.pre_settle(outpatient_call(number))).outcome == (200, "INSURANCE_REFUSED")
        assert await stack.ord_stas(number) == [12]
        assert await stack.asked_of_centre(number) == ["6201", "6202", "6401", "6301"]


class TestRefused:
    async def test_6201(self, stack: Stack, number: str) -> None:
        await stack.others.break_centre(txn="6201", kind="refuse", times=1, message="费用明细不合规")
        answer = await stack.pre_settle(outpatient_call(number))
        assert answer.outcome == (200, "INSURANCE_REFUSED")
        assert "费用明细不合规" in answer.json["MSG"]
        assert (await stack.state(number), await stack.ord_stas(number)) == ("REJECTED", [])
        assert await stack.asked_of_centre(number) == ["6201"]

    async def test_6202_and_what_was_uploaded_is_revoked(self, stack: Stack, number: str) -> None:
        await stack.others.break_centre(txn="6202", kind="refuse", times=1, message="预结算金额不匹配")
        order = outpatient_call(number)
        answer = await stack.pre_settle(order)
        assert answer.outcome == (200, "INSURANCE_REFUSED")
        assert "预结算金额不匹配" in answer.json["MSG"]
        assert (await stack.state(number), await stack.ord_stas(number)) == ("REJECTED", [12])
        assert await stack.asked_of_centre(number) == ["6201", "6202", "6401"]
        assert (await stack.pre_settle(order)).text == answer.text

    async def test_a_payment_authorisation_of_another_order(self, stack: Stack, number: str) -> None:
        first = outpatient_call(number)
        await stack.quoted(first)
        second = outpatient_call(f"{number}-2", payAuthNo=first["payAuthNo"])
        answer = await stack.pre_settle(second)
        assert answer.outcome == (200, "INSURANCE_REFUSED")
        assert str(first["payAuthNo"]) not in answer.text

    async def test_6301_on_a_paid_order(self, stack: Stack, number: str) -> None:
        """What it says is not believed to be an unpaid order."""
        order = outpatient_call(number)
        pay_ord_id = await stack.paid(order)
        await stack.others.break_centre(txn="6301", kind="refuse", times=1)
        assert (await stack.api.post(SETTLE, settle_call(order, pay_ord_id))).outcome == (202, "PROCESSING")
        await stack.settled(order, pay_ord_id)

    async def test_6203_leaves_it_to_a_person(self, stack: Stack, number: str) -> None:
        order = outpatient_call(number)
        pay_ord_id = await stack.paid(order)
        await stack.others.break_his(txn="settle", kind="refuse", times=-1, message="处方已作废")
        await stack.others.break_centre(txn="6203", kind="refuse", times=-1, message="冲正失败")
        assert (await stack.settle(order, pay_ord_id)).outcome == (200, "IN_REVIEW")
        assert (await stack.state(number), await stack.ord_stas(number)) == ("IN_REVIEW", [6])

    async def test_6401_of_an_order_that_was_paid_meanwhile(self, stack: Stack, number: str) -> None:
        """6202's answer could not be believed, and the patient paid all the same."""
        await stack.others.break_centre(txn="6202", kind="wrong_amount", times=1)
        await stack.others.break_centre(txn="6401", kind="http_500", times=1)
        call = asyncio.create_task(stack.pre_settle(outpatient_call(number)))

        async def revoking() -> bool:
            return "6401" in await stack.asked_of_centre(number)

        await eventually(revoking)
        (placed,) = await stack.others.centre_orders(number)
        await stack.others.patient_pays(placed["payOrdId"])
        assert (await call).outcome == (200, "IN_REVIEW")
        assert (await stack.state(number), await stack.ord_stas(number)) == ("IN_REVIEW", [6])


class TestAmountsThatDoNotAddUp:
    async def test_at_6202_nothing_is_confirmed(self, stack: Stack, number: str) -> None:
        await stack.others.break_centre(txn="6202", kind="wrong_amount", times=1)
        answer = await stack.pre_settle(outpatient_call(number))
        assert answer.outcome == (200, "AMOUNT_INCONSISTENT")
        assert "DATA" not in answer.json
        assert (await stack.state(number), await stack.ord_stas(number)) == ("REJECTED", [12])

    async def test_at_6301_a_person_decides(self, stack: Stack, number: str) -> None:
        order = registration_call(number)
        pay_ord_id = await stack.paid(order)
        await stack.others.break_centre(txn="6301", kind="wrong_amount", times=-1)
        assert (await stack.settle(order, pay_ord_id)).outcome == (200, "IN_REVIEW")
        assert (await stack.state(number), await stack.ord_stas(number)) == ("IN_REVIEW", [6])
        assert (await stack.bookings(number), await stack.visits(number)) == (0, [])
        assert (await stack.pre_settle(order)).outcome == (200, "IN_REVIEW")


@pytest.mark.parametrize(
    ("outcome", "code", "state"),
    [
        ("declined", "INSURANCE_REFUSED", "REJECTED"),
        ("cash_only", "NOT_PAID", "PRE_SETTLED"),
        ("abnormal", "IN_REVIEW", "IN_REVIEW"),
    ],
)
async def test_a_patient_who_did_not_simply_pay(stack: Stack, number: str, outcome: str, code: str, state: str) -> None:
    order = outpatient_call(number)
    pay_ord_id = (await stack.quoted(order))["payOrdId"]
    await stack.patient_acts(pay_ord_id, outcome)
    assert (await stack.settle(order, pay_ord_id)).outcome == (200, code)
    assert (await stack.state(number), await stack.bookings(number)) == (state, 0)
