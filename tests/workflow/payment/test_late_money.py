"""A payment that ended unpaid, and word that there is money all the same: 6301 decides."""

from datetime import datetime, timedelta

import pytest

from activities.reporting import refusal
from domain.attention import AttentionReason
from domain.errors import ErrorCode
from domain.insurance import PreSettlement, UploadedFees
from domain.orders import KnownPayment, Order, PaymentEnd, PaymentStart
from domain.states import PaymentState
from tests.support.scripted.activities import CENTRE_DOWN, CENTRE_SILENT, moved, waiting
from tests.support.scripted.known import known_as
from tests.support.scripted.payments import PaymentsAtWork
from tests.support.stack.time_skipping import STEPS_MAX, refusal_of
from tests.support.values.orders import PATIENT, SPLIT, TERMS, outpatient, settle_call
from tests.support.values.orders import start as start_of
from workflows.start import reopen

S = PaymentState
CODES = {S.EXPIRED: ErrorCode.EXPIRED, S.CANCELLED: ErrorCode.CANCELLED, S.REJECTED: ErrorCode.INSURANCE_REFUSED}


def after(order: Order, state: PaymentState, at: datetime, *, split: bool = True, revision: int = 7) -> PaymentStart:
    """The start of a payment whose row says that it ended unpaid."""
    pre_settlement = PreSettlement(pay_ord_id="ORD1", split=SPLIT, balance_fen=None, window_ends_at=at)
    known = KnownPayment(
        accepted_at=at - timedelta(hours=1),
        state=state,
        state_since=at,
        end=PaymentEnd(state=state, code=CODES[state], message="订单已关闭"),
        revision=revision,
        patient=PATIENT,
        uploaded=UploadedFees(pay_ord_id="ORD1", pay_token="TOKEN", mdtrt_id=""),
        pre_settlement=pre_settlement if split else None,
        visit_id="V1",
    )
    return PaymentStart(order=order, terms=TERMS, reopened=known)


async def told_of_money(
    work: PaymentsAtWork, order: Order, state: PaymentState = S.EXPIRED, *, split: bool = True, revision: int = 7
) -> PaymentStart:
    """A closed payment, started once more."""
    at = await work.environment.get_current_time()
    start = after(order, state, at, split=split, revision=revision)
    work.begun.append(order.workflow_id)
    await reopen(work.environment.client, start, work.task_queue)
    return start


async def attention(work: PaymentsAtWork, start: PaymentStart) -> str:
    """Why the payment is under review, once it is. Time passes meanwhile."""
    for _ in range(STEPS_MAX):
        if await work.state(start) == S.IN_REVIEW:
            return await work.attention(start)
        await work.environment.sleep(10)
    raise TimeoutError("never came under review")


class TestMoneyThatCameLate:
    @pytest.mark.parametrize("state", CODES)
    async def test_is_somebody_s_to_decide(self, work: PaymentsAtWork, order_no: str, state: PaymentState) -> None:
        order = outpatient(order_no)
        work.script.will("ask_order", "paid")
        start = await told_of_money(work, order, state)

        assert await attention(work, start) == AttentionReason.LATE_MONEY
        assert (await refusal_of(work.settle(settle_call(order)))).type == "IN_REVIEW"
        assert [(end.state, end.note) for end in work.script.recorded] == [(S.IN_REVIEW, AttentionReason.LATE_MONEY)]
        assert set(work.script.asked) == {"ask_order", "record_end"}

    async def test_on_an_order_that_never_had_a_split_is_too(self, work: PaymentsAtWork, order_no: str) -> None:
        order = outpatient(order_no)
        work.script.will("ask_order", "paid")
        start = await told_of_money(work, order, S.REJECTED, split=False)

        assert await attention(work, start) == AttentionReason.LATE_MONEY

    async def test_is_asked_for_under_a_revision_above_all_that_earlier_runs_gave_out(
        self, work: PaymentsAtWork, order_no: str
    ) -> None:
        order = outpatient(order_no)
        start = await told_of_money(work, order)

        await work.result(start)
        begun = await work.environment.client.get_workflow_handle(order.workflow_id).describe()
        (asked,) = work.script.questions
        assert asked.record == "settlement"
        assert asked.revision >= round(begun.start_time.timestamp() * 1_000_000)

    async def test_is_asked_for_above_the_rows_revision_also_where_the_clock_went_back(
        self, work: PaymentsAtWork, order_no: str
    ) -> None:
        of_row = 4_000_000_000 * 1_000_000
        await work.result(await told_of_money(work, outpatient(order_no), revision=of_row))
        (asked,) = work.script.questions
        assert asked.revision == of_row + 1


class TestNoMoney:
    @pytest.mark.parametrize("ord_stas", [0, 1, 2, 12, 15, 14])
    @pytest.mark.parametrize("state", CODES)
    async def test_leaves_the_end_as_it_was(
        self, work: PaymentsAtWork, order_no: str, state: PaymentState, ord_stas: int
    ) -> None:
        work.script.will("ask_order", waiting(ord_stas))
        start = await told_of_money(work, outpatient(order_no), state)

        assert await work.result(start) is state
        assert await work.state(start) == state
        assert work.script.recorded == []

    async def test_at_a_centre_that_knows_the_order_no_more(self, work: PaymentsAtWork, order_no: str) -> None:
        work.script.will("ask_order", refusal(ErrorCode.INSURANCE_REFUSED, "支付订单不存在"))
        start = await told_of_money(work, outpatient(order_no))

        assert await work.result(start) is S.EXPIRED
        assert work.script.recorded == []

    async def test_is_answered_by_the_end_meanwhile(self, work: PaymentsAtWork, order_no: str) -> None:
        order = outpatient(order_no)
        work.script.will("ask_order", CENTRE_DOWN)
        await told_of_money(work, order)

        assert (await refusal_of(work.settle(settle_call(order)))).type == "EXPIRED"


class TestAnUnansweredQuestion:
    async def test_is_asked_again_until_it_is_answered(self, work: PaymentsAtWork, order_no: str) -> None:
        order = outpatient(order_no)
        work.script.will("ask_order", CENTRE_DOWN, CENTRE_SILENT, CENTRE_DOWN, "paid")
        start = await told_of_money(work, order)

        assert await attention(work, start) == AttentionReason.LATE_MONEY
        assert work.script.asked.count("ask_order") == 4

    async def test_for_a_whole_day_is_a_person_s(self, work: PaymentsAtWork, order_no: str) -> None:
        order = outpatient(order_no)
        work.script.will("ask_order", CENTRE_DOWN)
        start = await told_of_money(work, order)
        await work.environment.sleep(timedelta(hours=25))

        assert await attention(work, start) == AttentionReason.LATE_MONEY_UNCONFIRMED


class TestWordWhileThePaymentEnds:
    """The row says EXPIRED a moment before the workflow closes: what comes then must not be lost."""

    async def test_asks_before_it_closes(self, work: PaymentsAtWork, order_no: str) -> None:
        order = outpatient(order_no)
        await work.pre_settle(start_of(order))

        async def paid_after_all() -> None:
            """The task is taken again, since word came in it: by then the row is EXPIRED."""
            at = await work.environment.get_current_time()
            work.script.will("ask_order", moved(known_as(S.EXPIRED, at)), "paid")
            await work.handle(order.workflow_id).signal("notice")

        work.script.on("revoke_order", paid_after_all)
        await work.environment.sleep(TERMS.payment_window_s)

        assert await attention(work, start_of(order)) == AttentionReason.LATE_MONEY

    async def test_before_there_is_an_order_asks_nothing(self, work: PaymentsAtWork, order_no: str) -> None:
        order = outpatient(order_no)
        work.script.will("price_bill", refusal(ErrorCode.HIS_REFUSED, "科室已停诊"))
        work.script.on("price_bill", lambda: work.handle(order.workflow_id).signal("notice"))
        await work.begin(start_of(order))

        assert await work.result(start_of(order)) is S.REJECTED
        assert "ask_order" not in work.script.asked
