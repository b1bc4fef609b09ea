"""The row is ahead of its workflow, whose task was lost: the workflow follows it, and so do its callers."""

from datetime import timedelta

import pytest

from domain.attention import AttentionReason
from domain.orders import Order
from domain.states import UNPAID_ENDS, PaymentState
from tests.support.scripted.activities import CENTRE_DOWN, HIS_REFUSES, moved
from tests.support.scripted.known import CODES, known_as
from tests.support.scripted.payments import PaymentsAtWork
from tests.support.scripted.reviews import his_outcome_unknown
from tests.support.stack.time_skipping import refusal_of
from tests.support.values.orders import outpatient, settle_call, start

S = PaymentState
BEFORE_THE_SPLIT = ("price_bill", "upload_fees", "place_order")
AFTER_IT = ("ask_order", "find_booking", "settle")


async def row_is(work: PaymentsAtWork, step: str, state: PaymentState, note: str = "") -> None:
    """From that step on the row is found in `state`."""
    at = await work.environment.get_current_time()
    work.script.will(step, moved(known_as(state, at, note=note)))


async def called(work: PaymentsAtWork, order: Order, step: str, state: PaymentState, note: str = "") -> None:
    """Placed; the row is found in `state` at `step`, after the patient has paid."""
    await work.pre_settle(start(order))
    work.script.will("ask_order", "paid")
    await row_is(work, step, state, note)


@pytest.mark.parametrize("state", sorted(UNPAID_ENDS))
class TestAnUnpaidEnd:
    @pytest.mark.parametrize("step", BEFORE_THE_SPLIT)
    async def test_before_the_split_is_the_answer(
        self, work: PaymentsAtWork, order_no: str, step: str, state: PaymentState
    ) -> None:
        begun = start(outpatient(order_no))
        await row_is(work, step, state)

        refused = await refusal_of(work.pre_settle(begun))

        assert (refused.type, refused.message) == (CODES[state], "记录中的原因")
        assert await work.result(begun) is state
        assert work.script.asked[-1] == step
        assert await work.state(begun) == state

    @pytest.mark.parametrize("step", AFTER_IT)
    async def test_after_it_too(self, work: PaymentsAtWork, order_no: str, step: str, state: PaymentState) -> None:
        order = outpatient(order_no)
        await called(work, order, step, state)

        assert (await refusal_of(work.settle(settle_call(order)))).type == CODES[state]
        assert await work.result(start(order)) is state
        assert not {"reverse", "record_end", "revoke_order"} & {*work.script.asked}


class TestSettled:
    @pytest.mark.parametrize("step", AFTER_IT)
    async def test_is_answered_with_the_rows_settlement(self, work: PaymentsAtWork, order_no: str, step: str) -> None:
        order = outpatient(order_no)
        await called(work, order, step, S.SETTLED)

        answer = await work.settle(settle_call(order))

        assert answer.settlement.revs_token == "ROW"
        assert await work.result(start(order)) is S.SETTLED
        assert await work.state(start(order)) == S.SETTLED

    @pytest.mark.parametrize("step", ["record_reversing", "reverse"])
    async def test_takes_back_a_reversal(self, work: PaymentsAtWork, order_no: str, step: str) -> None:
        """HIS refused in a task that was lost, and had booked in another: what the row says was told."""
        order = outpatient(order_no)
        work.script.will("settle", HIS_REFUSES)
        await called(work, order, step, S.SETTLED)

        assert (await work.settle(settle_call(order))).settlement.revs_token == "ROW"
        assert await work.result(start(order)) is S.SETTLED


class TestReversing:
    @pytest.mark.parametrize("step", [*AFTER_IT, "record_reversing"])
    async def test_goes_on_with_the_reversal(self, work: PaymentsAtWork, order_no: str, step: str) -> None:
        order = outpatient(order_no)
        if step == "record_reversing":
            work.script.will("settle", HIS_REFUSES)
        await called(work, order, step, S.REVERSING)

        refused = await refusal_of(work.settle(settle_call(order)))

        assert (refused.type, refused.message) == ("REVERSED", "记录中的原因")
        assert work.script.asked.count("reverse") == 1
        assert [step.settlement.revs_token for step in work.script.reversals] == ["ROW"]
        work.script.will("find_booking", *work.script.answers["find_booking"][-1:])

    async def test_is_reviewed_where_the_centre_never_answers(self, work: PaymentsAtWork, order_no: str) -> None:
        order = outpatient(order_no)
        work.script.will("reverse", CENTRE_DOWN)
        await called(work, order, "settle", S.REVERSING)

        assert (await refusal_of(work.settle(settle_call(order), 120))).type == "IN_REVIEW"
        assert await work.attention(start(order)) == AttentionReason.REVERSAL_WINDOW_CLOSED


class TestReversed:
    @pytest.mark.parametrize("step", ["ask_order", "settle"])
    async def test_is_cleared_up_after(self, work: PaymentsAtWork, order_no: str, step: str) -> None:
        order = outpatient(order_no)
        await called(work, order, step, S.REVERSED)

        assert (await refusal_of(work.settle(settle_call(order)))).type == "REVERSED"
        begins = len(work.script.asked)
        assert await work.result(start(order)) is S.REVERSED
        assert work.script.asked[begins:] == ["find_booking"] * 3
        assert "reverse" not in work.script.asked


class TestInReview:
    @pytest.mark.parametrize("step", AFTER_IT)
    async def test_is_a_persons(self, work: PaymentsAtWork, order_no: str, step: str) -> None:
        order, reason = outpatient(order_no), AttentionReason.HIS_OUTCOME_UNKNOWN
        await called(work, order, step, S.IN_REVIEW, reason)

        refused = await refusal_of(work.settle(settle_call(order)))

        assert refused.type == "IN_REVIEW"
        assert await work.attention(start(order)) == reason
        assert "record_end" not in work.script.asked


class TestOutOfAReview:
    """The decision was carried out in a task that was lost."""

    async def test_paid_is_booked_without_waiting_for_a_caller(self, work: PaymentsAtWork, order_no: str) -> None:
        case = await his_outcome_unknown(work, outpatient(order_no))
        begins = len(work.script.asked)
        await row_is(work, "look_at_record", S.PAID)
        await work.handle(case.begun.order.workflow_id).signal("wake")

        assert await work.result(case.begun, 1) is S.SETTLED
        assert work.script.asked[begins] == "look_at_record"

    @pytest.mark.parametrize("state", [S.SETTLED, S.CANCELLED, S.REVERSED])
    async def test_an_end_is_followed(self, work: PaymentsAtWork, order_no: str, state: PaymentState) -> None:
        case = await his_outcome_unknown(work, outpatient(order_no))
        await row_is(work, "look_at_record", state)
        await work.handle(case.begun.order.workflow_id).signal("wake")

        assert await work.result(case.begun) is state
        assert await work.state(case.begun) == state


async def test_steps_are_counted_on_from_the_row(work: PaymentsAtWork, order_no: str) -> None:
    """Of what the lost task took, only what is finished is not taken again."""
    order = outpatient(order_no)
    await work.pre_settle(start(order))
    work.script.will("ask_order", "paid")
    at = await work.environment.get_current_time() - timedelta(seconds=1)
    work.script.will("settle", moved(known_as(S.REVERSING, at, steps={"insurance_6203_reverse": 4})))

    assert (await refusal_of(work.settle(settle_call(order)))).type == "REVERSED"
    assert [step.number for step in work.script.reversals] == [5]
