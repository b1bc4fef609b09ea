"""A bill that another live payment has: the earlier one withdraws, or the newer one is refused (product rule 3)."""

from temporalio.exceptions import ApplicationError

from activities.contract.records import LockedBills
from activities.reporting import refusal
from domain.errors import ErrorCode
from domain.states import PaymentState
from tests.support.scripted.payments import PaymentsAtWork
from tests.support.stack.time_skipping import refusal_of
from tests.support.values.orders import outpatient, start

UNDECIDED = ApplicationError("先前的订单尚未撤回", type="unknown")


async def refused(work: PaymentsAtWork, order_no: str) -> ApplicationError:
    return await refusal_of(work.pre_settle(start(outpatient(order_no))))


async def test_an_unpaid_one_withdraws_and_the_newer_one_goes_on(work: PaymentsAtWork, order_no: str) -> None:
    work.script.held_by = "EARLIER"

    answer = await work.pre_settle(start(outpatient(order_no)))

    assert answer.pay_ord_id == "ORD1"
    assert work.script.withdrawn == ["EARLIER"]
    # On a busy machine the first question of the window may follow before the answer is seen.
    assert work.script.asked[:5] == ["price_bill", "withdraw_holder", "lock_bills", "upload_fees", "place_order"]


async def test_a_third_one_that_was_faster_is_asked_too(work: PaymentsAtWork, order_no: str) -> None:
    work.script.held_by = "EARLIER"
    work.script.will("lock_bills", LockedBills(held_by="FASTER"), LockedBills())

    await work.pre_settle(start(outpatient(order_no)))

    assert work.script.withdrawn == ["EARLIER", "FASTER"]


async def test_a_paid_one_stays(work: PaymentsAtWork, order_no: str) -> None:
    work.script.held_by = "EARLIER"
    work.script.will("withdraw_holder", refusal(ErrorCode.BILL_ALREADY_PAID, "该费用已由另一笔订单支付"))

    assert (await refused(work, order_no)).type == "BILL_ALREADY_PAID"
    assert "upload_fees" not in work.script.asked
    assert await work.result(start(outpatient(order_no))) is PaymentState.REJECTED


async def test_one_that_is_undecided_for_long_is_waited_for(work: PaymentsAtWork, order_no: str) -> None:
    work.script.held_by = "EARLIER"
    work.script.will("withdraw_holder", UNDECIDED, UNDECIDED, None)

    assert (await work.pre_settle(start(outpatient(order_no)), 5)).pay_ord_id == "ORD1"


async def test_one_that_stays_undecided_beyond_the_budget_refuses_the_newer_one(
    work: PaymentsAtWork, order_no: str
) -> None:
    work.script.held_by = "EARLIER"
    work.script.will("withdraw_holder", UNDECIDED)

    told = await refused(work, order_no)
    assert (told.type, "已付款" in told.message, "未发生扣款" in told.message) == ("ORDER_CONFLICT", False, True)
    assert "upload_fees" not in work.script.asked
