"""IN_REVIEW: what a person sees, what two persons may do, and what the rules do alone once all is clear."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import pytest
from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateStage
from temporalio.exceptions import ApplicationError

from activities.outcomes import refusal
from domain.errors import ErrorCode
from domain.orders import Order, Registers
from domain.reviews import Approval, CaseEvent, Decision, Proposal, ReviewAction, ReviewView
from domain.starting import PaymentStart
from domain.states import PaymentState
from domain.steps import Booking, Revoked
from tests.support.orders import outpatient, registration, settle_call, start
from tests.support.scripted import (
    CENTRE_REFUSES,
    CENTRE_SILENT,
    HIS_DOWN,
    HIS_REFUSES,
    HIS_SILENT,
    paid,
    waiting,
)
from tests.workflow.conftest import Desk
from workflows.payment import PaymentWorkflow

A = ReviewAction
BOOKED = Booking(settlement_no="S9")
R = TypeVar("R")


@dataclass
class Case:
    """A payment under review, and the people who decide it."""

    desk: Desk
    begun: PaymentStart

    async def inspect(self) -> ReviewView:
        handle = self.desk.handle(self.begun.order.workflow_id)
        update = await handle.start_update(PaymentWorkflow.inspect, wait_for_stage=WorkflowUpdateStage.ACCEPTED)
        return await self.desk._in_time(update, 30)

    async def propose(self, action: ReviewAction, by: str = "op", pay_auth_no: str = "") -> Decision:
        wish = Proposal(action=action, by=by, reason="已核实", pay_auth_no=pay_auth_no)
        handle = self.desk.handle(self.begun.order.workflow_id)
        accepted = WorkflowUpdateStage.ACCEPTED
        return await self.desk._in_time(
            await handle.start_update(PaymentWorkflow.propose, wish, wait_for_stage=accepted), 30
        )

    async def approve(self, action: ReviewAction, by: str = "boss", step_s: int = 30) -> Decision:
        handle = self.desk.handle(self.begun.order.workflow_id)
        accepted, word = WorkflowUpdateStage.ACCEPTED, Approval(action=action, by=by)
        update = await handle.start_update(PaymentWorkflow.approve, word, wait_for_stage=accepted)
        return await self.desk._in_time(update, step_s)

    async def decide(self, action: ReviewAction, pay_auth_no: str = "", step_s: int = 30) -> Decision:
        assert (await self.propose(action, pay_auth_no=pay_auth_no)).waiting
        return await self.approve(action, step_s=step_s)

    async def refused(self, wish: R) -> ApplicationError:
        with pytest.raises(WorkflowUpdateFailedError) as caught:
            await wish  # type: ignore[misc]  # a coroutine of this class
        assert isinstance(caught.value.cause, ApplicationError)
        return caught.value.cause

    async def result(self) -> PaymentState:
        return await self.desk.result(self.begun)

    @property
    def events(self) -> list[tuple[CaseEvent, str]]:
        return [(noted.event, noted.by) for noted in self.desk.script.noted]


async def under_review(desk: Desk, order: Order, reason: str, step_s: int = 120, **terms: object) -> Case:
    """Placed, then called for until it is under review for `reason`, as the script has it."""
    begun = start(order, **terms)
    await desk.pre_settle(begun)
    with pytest.raises(WorkflowUpdateFailedError):
        await desk.settle(settle_call(order), step_s)
    assert await desk.attention(begun) == reason
    return Case(desk, begun)


async def his_outcome_unknown(desk: Desk, order: Order) -> Case:
    desk.script.will("settle", HIS_SILENT)
    desk.script.will("find_booking", Booking(), HIS_SILENT)
    desk.script.will("ask_order", "paid")
    case = await under_review(desk, order, "HIS_OUTCOME_UNKNOWN", his_retry_budget_s=60, reversal_window_s=600)
    desk.script.will("find_booking", Booking())
    desk.script.will("settle", Booking(settlement_no="S1"))
    return case


async def reversal_refused(desk: Desk, order: Order) -> Case:
    desk.script.will("settle", HIS_REFUSES)
    desk.script.will("reverse", CENTRE_REFUSES)
    desk.script.will("ask_order", "paid")
    return await under_review(desk, order, "REVERSAL_REFUSED")


async def amounts_differ(desk: Desk, order: Order) -> Case:
    await desk.environment.sleep(0)
    differing = paid(await desk.environment.get_current_time(), consistent=False)
    desk.script.will("ask_order", differing)
    return await under_review(desk, order, "AMOUNT_INCONSISTENT")


async def status(desk: Desk, order: Order, ord_stas: int) -> Case:
    desk.script.will("ask_order", waiting(ord_stas))
    return await under_review(desk, order, f"ORDER_STATUS_{ord_stas}")


class TestLooking:
    async def test_shows_both_sides_the_money_the_deadline_and_what_is_not_safe(
        self, desk: Desk, order_no: str
    ) -> None:
        case = await his_outcome_unknown(desk, outpatient(order_no))

        view = await case.inspect()

        assert (view.reason, view.at_risk_fen, view.facts.ord_stas) == ("HIS_OUTCOME_UNKNOWN", 12850, 6)
        assert view.facts.his_answers
        assert view.facts.settlement_no is None
        assert view.deadline is not None
        assert view.facts.reversible_until == view.deadline
        assert A.BOOK not in view.refused
        assert "医院未入账" in view.refused[A.ACCEPT]

    async def test_says_who_does_not_answer(self, desk: Desk, order_no: str) -> None:
        case = await his_outcome_unknown(desk, outpatient(order_no))
        desk.script.will("find_booking", HIS_DOWN)
        desk.script.will("ask_order", CENTRE_SILENT)

        view = await case.inspect()

        assert (view.facts.ord_stas, view.facts.his_answers) == (None, False)
        assert set(view.refused) == {A.BOOK, A.REVERSE, A.REFUND, A.ACCEPT, A.CLOSE_UNPAID}

    async def test_at_a_payment_without_a_case_is_refused(self, desk: Desk, order_no: str) -> None:
        begun = start(outpatient(order_no))
        await desk.pre_settle(begun)
        case = Case(desk, begun)

        assert (await case.refused(case.inspect())).type == "ACTION_REFUSED"
        assert (await case.refused(case.propose(A.BOOK))).type == "ACTION_REFUSED"

    async def test_shows_what_waits_for_a_second_person(self, desk: Desk, order_no: str) -> None:
        case = await his_outcome_unknown(desk, outpatient(order_no))
        await case.propose(A.BOOK)

        proposed = (await case.inspect()).proposed

        assert proposed is not None
        assert (proposed.action, proposed.by, proposed.reason) == (A.BOOK, "op", "已核实")

    async def test_has_a_limit_that_leaves_room_for_deciding(
        self, desk: Desk, order_no: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("workflows.review_desk.INSPECTIONS_MAX", 1)
        case = await amounts_differ(desk, outpatient(order_no))
        await case.inspect()

        assert (await case.refused(case.inspect())).type == "RATE_LIMITED"
        assert (await case.propose(A.REVERSE)).waiting


class TestTwoPeople:
    async def test_nobody_approves_the_own_proposal(self, desk: Desk, order_no: str) -> None:
        case = await his_outcome_unknown(desk, outpatient(order_no))
        await case.propose(A.BOOK)

        assert (await case.refused(case.approve(A.BOOK, by="op"))).type == "FORBIDDEN"
        assert (await case.approve(A.BOOK)).state == "SETTLED"

    async def test_only_what_was_proposed_is_approved(self, desk: Desk, order_no: str) -> None:
        case = await his_outcome_unknown(desk, outpatient(order_no))

        assert "没有待复核的提议" in (await case.refused(case.approve(A.BOOK))).message
        await case.propose(A.BOOK)
        assert "BOOK" in (await case.refused(case.approve(A.REVERSE))).message

    async def test_a_later_proposal_takes_the_place_of_an_earlier_one(self, desk: Desk, order_no: str) -> None:
        case = await amounts_differ(desk, outpatient(order_no))
        await case.propose(A.BOOK)
        await case.propose(A.REVERSE, by="other")

        assert (await case.refused(case.approve(A.BOOK))).type == "ACTION_REFUSED"
        assert (await case.approve(A.REVERSE)).state == "REVERSED"

    async def test_both_names_are_written_down(self, desk: Desk, order_no: str) -> None:
        case = await his_outcome_unknown(desk, outpatient(order_no))
        await case.decide(A.BOOK)

        assert case.events == [
            (CaseEvent.PROPOSED, "op"),
            (CaseEvent.APPROVED, "boss"),
            (CaseEvent.CARRIED_OUT, "boss"),
        ]
        assert {noted.reason for noted in desk.script.noted} == {"已核实", "PAID"}

    async def test_what_has_become_unsafe_meanwhile_is_refused(self, desk: Desk, order_no: str) -> None:
        case = await amounts_differ(desk, outpatient(order_no))
        await case.propose(A.REVERSE)
        desk.script.will("find_booking", BOOKED)

        assert "医院已入账" in (await case.refused(case.approve(A.REVERSE))).message
        assert case.events[-1] == (CaseEvent.REFUSED, "boss")
        assert "reverse" not in desk.script.asked
        assert (await case.inspect()).proposed is None


class TestBook:
    async def test_books_and_ends_settled(self, desk: Desk, order_no: str) -> None:
        case = await his_outcome_unknown(desk, outpatient(order_no))

        assert (await case.decide(A.BOOK)).state == "SETTLED"
        assert await case.result() is PaymentState.SETTLED
        assert desk.script.resolved[-1].state is PaymentState.PAID

    async def test_that_his_refuses_gives_the_money_back(self, desk: Desk, order_no: str) -> None:
        case = await his_outcome_unknown(desk, outpatient(order_no))
        desk.script.will("settle", HIS_REFUSES)

        assert (await case.decide(A.BOOK)).state == "REVERSED"

    async def test_of_a_visit_that_we_had_asked_for_takes_it_for_ours(self, desk: Desk, order_no: str) -> None:
        desk.script.will("register", HIS_SILENT)
        desk.script.will("find_booking", Booking(), HIS_SILENT)
        desk.script.will("ask_order", "paid")
        limits = {"his_retry_budget_s": 60, "reversal_window_s": 600}
        case = await under_review(desk, registration(order_no), "HIS_OUTCOME_UNKNOWN", **limits)
        desk.script.will("find_booking", Booking(visit_id="V8"))
        desk.script.will("settle", HIS_REFUSES)

        assert (await case.decide(A.BOOK)).state == "REVERSED"
        assert await case.result() is PaymentState.REVERSED
        assert "cancel_registration" in desk.script.asked

    async def test_that_fails_again_opens_another_case(self, desk: Desk, order_no: str) -> None:
        case = await his_outcome_unknown(desk, outpatient(order_no))
        await case.propose(A.BOOK)
        desk.script.will("settle", HIS_SILENT)
        desk.script.will("find_booking", Booking(), Booking(), HIS_SILENT)

        assert (await case.approve(A.BOOK)).state == "IN_REVIEW"
        desk.script.will("find_booking", BOOKED)
        assert (await case.propose(A.ASK_AGAIN)).state == "SETTLED"

    async def test_is_refused_where_another_payment_has_the_bill_by_now(self, desk: Desk, order_no: str) -> None:
        case = await his_outcome_unknown(desk, outpatient(order_no))
        await case.propose(A.BOOK)
        taken = refusal(ErrorCode.BILL_ALREADY_PAID, "该费用已由另一笔支付占用")
        desk.script.will("record_resolution", taken, None)

        assert "另一笔支付" in (await case.refused(case.approve(A.BOOK))).message
        assert (await case.inspect()).reason == "HIS_OUTCOME_UNKNOWN"
        assert (await case.decide(A.BOOK)).state == "SETTLED"

    async def test_is_refused_for_parts_that_do_not_make_the_whole(self, desk: Desk, order_no: str) -> None:
        case = await amounts_differ(desk, outpatient(order_no))
        now = await desk.environment.get_current_time()
        answer = paid(now, consistent=False)
        broken = answer.status.model_copy(update={"split": answer.status.split.model_copy(update={"fund_fen": 7711})})  # type: ignore[union-attr]  # it has one
        desk.script.will("ask_order", answer.model_copy(update={"status": broken}))

        assert "总金额(TOTAL)" in (await case.refused(case.propose(A.BOOK))).message
        assert case.events == [(CaseEvent.REFUSED, "op")]

    async def test_needs_the_visit_that_only_the_caller_may_make(self, desk: Desk, order_no: str) -> None:
        desk.script.will("ask_order", "paid")
        case = await under_review(desk, registration(order_no), "VISIT_MISSING", registers=Registers.CALLER)

        assert "VISIT_ID" in (await case.refused(case.propose(A.BOOK))).message
        desk.script.will("find_booking", Booking(visit_id="V7"))
        assert (await case.propose(A.ASK_AGAIN)).state == "SETTLED"
        assert desk.script.payments[-1].visit_id == "V7"


class TestReverse:
    async def test_gives_the_money_back_and_says_so_at_once(self, desk: Desk, order_no: str) -> None:
        case = await amounts_differ(desk, outpatient(order_no))

        decision = await case.decide(A.REVERSE)

        assert decision.state == "REVERSED"
        assert "128.50" in decision.message
        assert await case.result() is PaymentState.REVERSED
        assert desk.script.reversals[-1].pay_auth_no == ""

    async def test_that_the_centre_refuses_opens_another_case(self, desk: Desk, order_no: str) -> None:
        case = await amounts_differ(desk, outpatient(order_no))
        desk.script.will("reverse", CENTRE_REFUSES)

        assert (await case.decide(A.REVERSE)).state == "IN_REVIEW"
        assert await desk.attention(case.begun) == "REVERSAL_REFUSED"

    async def test_past_its_hour_is_refused(self, desk: Desk, order_no: str) -> None:
        case = await amounts_differ(desk, outpatient(order_no))
        assert "期限内请用冲正" in (await case.inspect()).refused[A.REFUND]
        await desk.environment.sleep(timedelta(hours=1))

        assert "冲正期限已过" in (await case.refused(case.propose(A.REVERSE))).message


class TestRefund:
    async def past_the_hour(self, desk: Desk, order_no: str) -> Case:
        case = await his_outcome_unknown(desk, outpatient(order_no))
        await desk.environment.sleep(timedelta(hours=1))
        return case

    async def test_needs_the_patients_authorisation(self, desk: Desk, order_no: str) -> None:
        case = await self.past_the_hour(desk, order_no)

        assert "payAuthNo" in (await case.refused(case.propose(A.REFUND))).message
        assert (await case.decide(A.REFUND, "AUTH9")).state == "REVERSED"
        assert desk.script.reversals[-1].pay_auth_no == "AUTH9"
        assert "tell_refund" not in desk.script.asked

    async def test_of_what_his_has_booked_tells_his(self, desk: Desk, order_no: str) -> None:
        case = await self.past_the_hour(desk, order_no)
        desk.script.will("find_booking", BOOKED)

        assert (await case.decide(A.REFUND, "AUTH9")).state == "REVERSED"
        assert await case.result() is PaymentState.REVERSED
        assert desk.script.asked[-1] == "tell_refund"

    async def test_that_his_can_not_be_told_of_is_a_case_that_only_tells(self, desk: Desk, order_no: str) -> None:
        case = await self.past_the_hour(desk, order_no)
        desk.script.will("find_booking", BOOKED)
        desk.script.will("tell_refund", HIS_DOWN)
        assert (await case.decide(A.REFUND, "AUTH9")).state == "REVERSED"
        await desk.environment.sleep(timedelta(hours=2))
        assert await desk.attention(case.begun) == "HIS_NOT_TOLD"
        desk.script.will("ask_order", waiting(7))
        desk.script.will("tell_refund", None)

        assert (await case.decide(A.REFUND)).state == "REVERSED"
        assert desk.script.asked.count("reverse") == 1

    @pytest.mark.parametrize(
        ("answer", "reason"), [(CENTRE_REFUSES, "REFUND_REFUSED"), (CENTRE_SILENT, "REFUND_UNKNOWN")]
    )
    async def test_that_fails_opens_another_case(
        self, desk: Desk, order_no: str, answer: ApplicationError, reason: str
    ) -> None:
        case = await self.past_the_hour(desk, order_no)
        desk.script.will("reverse", answer)

        assert (await case.decide(A.REFUND, "AUTH9", step_s=300)).state == "IN_REVIEW"
        assert await desk.attention(case.begun) == reason
        desk.script.will("ask_order", waiting(7))
        assert (await case.propose(A.ASK_AGAIN)).state == "REVERSED"


class TestAccept:
    async def test_what_his_has_booked_with_other_amounts_is_settled(self, desk: Desk, order_no: str) -> None:
        case = await amounts_differ(desk, outpatient(order_no))
        assert "医院未入账" in (await case.refused(case.propose(A.ACCEPT))).message
        desk.script.will("find_booking", BOOKED)

        assert (await case.decide(A.ACCEPT)).state == "SETTLED"
        assert (desk.script.resolved[-1].state, desk.script.resolved[-1].settlement_no) == (PaymentState.SETTLED, "S9")


class TestCloseUnpaid:
    async def still_paying(self, desk: Desk, order_no: str) -> Case:
        begun = start(outpatient(order_no))
        await desk.pre_settle(begun)
        desk.script.will("ask_order", waiting(2))
        await desk.environment.sleep(timedelta(seconds=begun.terms.payment_window_s + 2000))
        assert await desk.attention(begun) == "STILL_PAYING"
        return Case(desk, begun)

    async def test_revokes_first(self, desk: Desk, order_no: str) -> None:
        case = await self.still_paying(desk, order_no)
        assert "正在支付" in (await case.refused(case.propose(A.CLOSE_UNPAID))).message
        desk.script.will("ask_order", waiting(1))

        assert (await case.decide(A.CLOSE_UNPAID)).state == "CANCELLED"
        assert desk.script.asked.count("revoke_order") == 1

    @pytest.mark.parametrize("answer", [Revoked(ord_stas=6), CENTRE_SILENT])
    async def test_that_can_not_be_revoked_stays(self, desk: Desk, order_no: str, answer: object) -> None:
        case = await self.still_paying(desk, order_no)
        desk.script.will("ask_order", waiting(1))
        await case.propose(A.CLOSE_UNPAID)
        desk.script.will("revoke_order", answer)

        assert (await case.refused(case.approve(A.CLOSE_UNPAID))).type == "ACTION_REFUSED"
        assert case.events[-1] == (CaseEvent.REFUSED, "boss")
        assert (await case.inspect()).reason == "STILL_PAYING"

    @pytest.mark.parametrize(("ord_stas", "state"), [(14, "CANCELLED"), (16, "CANCELLED"), (7, "REVERSED")])
    async def test_ends_what_two_people_say_is_over(self, desk: Desk, order_no: str, ord_stas: int, state: str) -> None:
        case = await status(desk, outpatient(order_no), ord_stas)

        assert (await case.decide(A.CLOSE_UNPAID)).state == state
        assert "revoke_order" not in desk.script.asked

    @pytest.mark.parametrize("ord_stas", [8, 9, 10, 11])
    async def test_is_refused_for_money_that_is_partly_back(self, desk: Desk, order_no: str, ord_stas: int) -> None:
        case = await status(desk, outpatient(order_no), ord_stas)

        assert "退清" in (await case.refused(case.propose(A.CLOSE_UNPAID))).message


class TestAskAgain:
    @pytest.mark.parametrize(
        ("ord_stas", "state"),
        [(12, "CANCELLED"), (15, "REJECTED"), (6, "SETTLED"), (14, "IN_REVIEW"), (7, "IN_REVIEW")],
    )
    async def test_what_is_clear_is_done(self, desk: Desk, order_no: str, ord_stas: int, state: str) -> None:
        case = await status(desk, outpatient(order_no), 14)
        desk.script.will("ask_order", "paid" if ord_stas == 6 else waiting(ord_stas))

        decision = await case.propose(A.ASK_AGAIN)

        assert (decision.state, decision.waiting) == (state, False)
        assert case.events == [(CaseEvent.CARRIED_OUT, "op")]

    async def test_a_booking_that_arrived_after_all_is_settled(self, desk: Desk, order_no: str) -> None:
        case = await his_outcome_unknown(desk, outpatient(order_no))
        assert (await case.propose(A.ASK_AGAIN)).state == "IN_REVIEW"
        desk.script.will("find_booking", BOOKED)

        assert (await case.propose(A.ASK_AGAIN)).state == "SETTLED"

    async def test_a_reversal_that_went_through_after_all_is_reversed(self, desk: Desk, order_no: str) -> None:
        case = await reversal_refused(desk, outpatient(order_no))
        desk.script.will("ask_order", waiting(7))

        assert (await case.propose(A.ASK_AGAIN)).state == "REVERSED"

    async def test_amounts_that_are_equal_now_are_booked(self, desk: Desk, order_no: str) -> None:
        case = await amounts_differ(desk, outpatient(order_no))
        desk.script.will("ask_order", "paid")

        assert (await case.propose(A.ASK_AGAIN)).state == "SETTLED"

    async def test_keeps_what_waits_for_a_second_person(self, desk: Desk, order_no: str) -> None:
        case = await his_outcome_unknown(desk, outpatient(order_no))
        await case.propose(A.BOOK)
        await case.propose(A.ASK_AGAIN, by="other")

        assert (await case.approve(A.BOOK)).state == "SETTLED"


class TestAfterAReversal:
    async def test_a_visit_that_was_not_cancelled_is_cancelled_again(self, desk: Desk, order_no: str) -> None:
        desk.script.will("settle", HIS_REFUSES)
        desk.script.will("cancel_registration", HIS_REFUSES)
        desk.script.will("ask_order", "paid")
        begun = start(registration(order_no))
        await desk.pre_settle(begun)
        with pytest.raises(WorkflowUpdateFailedError):
            await desk.settle(settle_call(begun.order))
        await desk.environment.sleep(60)
        assert await desk.attention(begun) == "VISIT_NOT_CANCELLED"
        case = Case(desk, begun)
        desk.script.will("ask_order", waiting(7))

        assert (await case.propose(A.ASK_AGAIN)).state == "IN_REVIEW"
        desk.script.will("cancel_registration", None)
        assert (await case.propose(A.ASK_AGAIN)).state == "REVERSED"

    async def test_a_booking_that_came_late_is_refunded_in_his_alone(self, desk: Desk, order_no: str) -> None:
        desk.script.will("settle", HIS_REFUSES)
        desk.script.will("find_booking", Booking(), Booking(), BOOKED)
        desk.script.will("ask_order", "paid")
        begun = start(outpatient(order_no))
        await desk.pre_settle(begun)
        with pytest.raises(WorkflowUpdateFailedError):
            await desk.settle(settle_call(begun.order))
        await desk.environment.sleep(120)
        assert await desk.attention(begun) == "BOOKED_AFTER_REVERSAL"
        case = Case(desk, begun)
        desk.script.will("ask_order", waiting(7))

        assert "已退回" in (await case.refused(case.propose(A.ACCEPT))).message
        await case.propose(A.REFUND)
        desk.script.will("tell_refund", HIS_DOWN)
        assert "未能告知" in (await case.refused(case.approve(A.REFUND))).message
        desk.script.will("tell_refund", None)
        assert (await case.decide(A.REFUND)).state == "REVERSED"
        assert desk.script.asked.count("reverse") == 1


class TestBeforeTheSplit:
    async def test_an_order_paid_before_it_could_be_revoked_is_a_decision_of_two(
        self, desk: Desk, order_no: str
    ) -> None:
        desk.script.will("place_order", CENTRE_REFUSES)
        desk.script.will("revoke_order", Revoked(ord_stas=6))
        begun = start(outpatient(order_no))
        with pytest.raises(WorkflowUpdateFailedError):
            await desk.pre_settle(begun)
        assert await desk.attention(begun) == "REVOCATION_REFUSED"
        case = Case(desk, begun)
        desk.script.will("ask_order", "paid")

        assert (await case.propose(A.ASK_AGAIN)).state == "IN_REVIEW"
        assert (await case.decide(A.BOOK)).state == "SETTLED"

    async def test_a_revocation_without_an_answer_is_asked_again(self, desk: Desk, order_no: str) -> None:
        desk.script.will("place_order", CENTRE_REFUSES)
        desk.script.will("revoke_order", CENTRE_SILENT)
        begun = start(outpatient(order_no))
        with pytest.raises(WorkflowUpdateFailedError):
            await desk.pre_settle(begun, 600)
        case = Case(desk, begun)
        desk.script.will("ask_order", waiting(12))

        assert (await case.propose(A.ASK_AGAIN)).state == "CANCELLED"
