"""What our database will never take is not tried for ever: unpaid the payment ends, paid it goes to review at once."""

import pytest
from temporalio.exceptions import ApplicationError

from activities.contract.base import NOT_KEPT
from activities.contract.his import Booking
from domain.states import PaymentState
from tests.support.scripted.payments import PaymentsAtWork
from tests.support.stack.time_skipping import refusal_of
from tests.support.values.orders import outpatient, registration, settle_call, start

REFUSED = ApplicationError("the database refuses it: SQLSTATE 22021", type=NOT_KEPT, non_retryable=True)
BOOKED = Booking(settlement_no="S1")


@pytest.mark.parametrize(
    ("step", "code", "who"),
    [
        ("price_bill", "HIS_UNAVAILABLE", "医院信息系统"),
        ("upload_fees", "INSURANCE_UNAVAILABLE", "医保中心"),
        ("place_order", "INSURANCE_UNAVAILABLE", "医保中心"),
    ],
)
async def test_before_the_money_has_moved_the_payment_ends(
    work: PaymentsAtWork, order_no: str, step: str, code: str, who: str
) -> None:
    work.script.will(step, REFUSED)
    begun = start(outpatient(order_no))

    refusal = await refusal_of(work.pre_settle(begun))

    assert (refusal.type, refusal.message) == (code, f"{who}返回的内容无法保存, 未发生扣款")
    assert work.script.asked.count(step) == 1
    assert await work.result(begun) is PaymentState.REJECTED


@pytest.mark.parametrize("step", ["ask_order", "register", "settle"])
async def test_after_it_the_payment_goes_to_review_at_once(work: PaymentsAtWork, order_no: str, step: str) -> None:
    order = registration(order_no)
    begun = start(order)
    await work.pre_settle(begun)
    work.script.will("ask_order", "paid")
    work.script.will(step, REFUSED)

    refusal = await refusal_of(work.settle(settle_call(order), 1))

    assert (refusal.type, refusal.message) == ("IN_REVIEW", "数据库不能保存医保中心或医院返回的内容, 已转人工核查")
    assert await work.attention(begun) == "RECORD_REFUSED"
    assert work.script.recorded[-1].note == "RECORD_REFUSED"
    assert "reverse" not in work.script.asked


async def test_a_booking_found_but_refused_is_not_sent_back(work: PaymentsAtWork, order_no: str) -> None:
    """HIS has booked: money that goes back now would be the hospital's loss."""
    order = outpatient(order_no)
    begun = start(order)
    await work.pre_settle(begun)
    work.script.will("ask_order", "paid")
    work.script.will("find_booking", BOOKED, REFUSED)

    assert (await refusal_of(work.settle(settle_call(order), 1))).type == "IN_REVIEW"
    assert await work.attention(begun) == "RECORD_REFUSED"
    assert {"settle", "reverse"}.isdisjoint(work.script.asked)
