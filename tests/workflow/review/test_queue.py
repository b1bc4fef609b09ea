"""IN_REVIEW: what a person sees, that it takes two to decide, and what the rules do alone once all is clear."""

import asyncio

import pytest
from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateStage
from temporalio.exceptions import ApplicationError

from activities.contract.centre import Revoked
from activities.contract.his import Booking
from domain.reviews import CaseEvent, ReviewAction
from settings import Settings
from tests.support.scripted.activities import CENTRE_DOWN, CENTRE_REFUSES, CENTRE_SILENT, HIS_DOWN, HIS_REFUSES, waiting
from tests.support.scripted.payments import PaymentsAtWork
from tests.support.scripted.reviews import BOOKED, Case, amounts_differ, his_outcome_unknown, reversal_refused, status
from tests.support.stack.time_skipping import refusal_of
from tests.support.values.commands import approval, proposal
from tests.support.values.orders import outpatient, registration, settle_call, start
from workflows import limits
from workflows.payment.workflow import PaymentWorkflow
from workflows.review.queue import ReviewQueue, Ticket

A = ReviewAction


class TestLooking:
    async def test_shows_both_sides_the_money_the_deadline_and_what_is_not_safe(
        self, work: PaymentsAtWork, order_no: str
    ) -> None:
        case = await his_outcome_unknown(work, outpatient(order_no))

        view = await case.inspect()

        assert (view.reason, view.at_risk_fen, view.facts.ord_stas) == ("HIS_OUTCOME_UNKNOWN", 12850, 6)
        assert view.facts.his_answers
        assert view.facts.settlement_no is None
        assert view.deadline is not None
        assert view.facts.reversible_until == view.deadline
        assert A.BOOK not in view.refused
        assert "医院未入账" in view.refused[A.ACCEPT]

    async def test_says_who_does_not_answer(self, work: PaymentsAtWork, order_no: str) -> None:
        case = await his_outcome_unknown(work, outpatient(order_no))
        work.script.will("find_booking", HIS_DOWN)
        work.script.will("ask_order", CENTRE_SILENT)

        view = await case.inspect()

        assert (view.facts.ord_stas, view.facts.his_answers) == (None, False)
        assert set(view.refused) == {A.BOOK, A.REVERSE, A.REFUND, A.ACCEPT, A.CLOSE_UNPAID}

    async def test_at_a_payment_without_a_case_is_refused(self, work: PaymentsAtWork, order_no: str) -> None:
        begun = start(outpatient(order_no))
        await work.pre_settle(begun)
        case = Case(work, begun)

        assert (await refusal_of(case.inspect())).type == "ACTION_REFUSED"
        assert (await refusal_of(case.propose(A.BOOK))).type == "ACTION_REFUSED"

    async def test_shows_what_waits_for_a_second_person(self, work: PaymentsAtWork, order_no: str) -> None:
        case = await his_outcome_unknown(work, outpatient(order_no))
        await case.propose(A.BOOK)

        proposed = (await case.inspect()).proposed

        assert proposed is not None
        assert (proposed.action, proposed.by, proposed.reason) == (A.BOOK, "op", "已核实")
        assert proposed.proposal == case.proposals[A.BOOK]

    def test_leaves_room_for_a_few_decisions_at_a_time(self) -> None:
        queue = ReviewQueue("订单")
        for _ in range(limits.REVIEW_REQUESTS_MAX):
            queue.check_room()
            queue.requests.append((proposal(A.BOOK), Ticket()))
        with pytest.raises(ApplicationError) as refused:
            queue.check_room()
        assert refused.value.type == "RATE_LIMITED"

    def test_is_answered_while_an_http_call_waits(self) -> None:
        """Of payments and refunds alike: a side that does not answer is tried locally, then remotely."""
        longest = limits.LOCAL_TIME_MAX + limits.REVIEW_LOOK_BUDGET
        assert longest.total_seconds() < Settings(_env_file=None).sync_wait_s


class TestTwoPeople:
    async def test_nobody_approves_the_own_proposal(self, work: PaymentsAtWork, order_no: str) -> None:
        case = await his_outcome_unknown(work, outpatient(order_no))
        await case.propose(A.BOOK)

        assert (await refusal_of(case.approve(A.BOOK, by="op"))).type == "FORBIDDEN"
        assert (await case.approve(A.BOOK)).state == "SETTLED"

    async def test_only_what_was_proposed_is_approved(self, work: PaymentsAtWork, order_no: str) -> None:
        case = await his_outcome_unknown(work, outpatient(order_no))

        assert "没有待复核的提议" in (await refusal_of(case.approve(A.BOOK))).message
        await case.propose(A.BOOK)
        assert "BOOK" in (await refusal_of(case.approve(A.REVERSE))).message

    async def test_a_later_proposal_takes_the_place_of_an_earlier_one(
        self, work: PaymentsAtWork, order_no: str
    ) -> None:
        case = await amounts_differ(work, outpatient(order_no))
        await case.propose(A.BOOK)
        await case.propose(A.REVERSE, by="other")

        assert (await refusal_of(case.approve(A.BOOK))).type == "ACTION_REFUSED"
        assert (await case.approve(A.REVERSE)).state == "REVERSED"

    async def test_an_approval_that_another_proposal_overtook_is_refused_and_noted(
        self, work: PaymentsAtWork, order_no: str
    ) -> None:
        """Both were let in while the proposal that it approves still stood."""
        case = await amounts_differ(work, outpatient(order_no))
        await case.propose(A.BOOK)
        work.script.will("ask_order", CENTRE_DOWN, *work.script.answers["ask_order"])
        both_are_in = asyncio.Event()
        work.script.on("ask_order_again", both_are_in.wait)
        handle, accepted = work.handle(case.begun.order.workflow_id), WorkflowUpdateStage.ACCEPTED
        other, word = proposal(A.REVERSE, "other"), approval(A.BOOK, case.proposals[A.BOOK])
        proposing = await handle.start_update(PaymentWorkflow.propose, other, wait_for_stage=accepted)
        approving = await handle.start_update(PaymentWorkflow.approve, word, wait_for_stage=accepted)
        both_are_in.set()

        assert (await work.answer(proposing)).waiting
        assert "REVERSE" in (await refusal_of(work.answer(approving))).message
        assert (CaseEvent.REFUSED, "boss") in case.events
        case.proposals[A.REVERSE] = other.number
        assert (await case.approve(A.REVERSE)).state == "REVERSED"

    async def test_both_names_are_written_down(self, work: PaymentsAtWork, order_no: str) -> None:
        case = await his_outcome_unknown(work, outpatient(order_no))
        await case.decide(A.BOOK)

        assert case.events == [
            (CaseEvent.PROPOSED, "op"),
            (CaseEvent.APPROVED, "boss"),
            (CaseEvent.CARRIED_OUT, "boss"),
        ]
        assert {noted.reason for noted in work.script.noted} == {"已核实", "PAID"}

    async def test_what_has_become_unsafe_meanwhile_is_refused(self, work: PaymentsAtWork, order_no: str) -> None:
        case = await amounts_differ(work, outpatient(order_no))
        await case.propose(A.REVERSE)
        work.script.will("find_booking", BOOKED)

        assert "医院已入账" in (await refusal_of(case.approve(A.REVERSE))).message
        assert (CaseEvent.REFUSED, "boss") in case.events
        assert "reverse" not in work.script.asked
        assert (await case.inspect()).proposed is None


class TestAskAgain:
    @pytest.mark.parametrize(
        ("ord_stas", "state"),
        [(12, "CANCELLED"), (15, "REJECTED"), (6, "SETTLED"), (14, "IN_REVIEW"), (7, "IN_REVIEW")],
    )
    async def test_what_is_clear_is_done(self, work: PaymentsAtWork, order_no: str, ord_stas: int, state: str) -> None:
        case = await status(work, outpatient(order_no), 14)
        work.script.will("ask_order", "paid" if ord_stas == 6 else waiting(ord_stas))

        decision = await case.propose(A.ASK_AGAIN)

        assert (decision.state, decision.waiting) == (state, False)
        assert case.events == [(CaseEvent.CARRIED_OUT, "op")]

    async def test_a_booking_that_arrived_after_all_is_settled(self, work: PaymentsAtWork, order_no: str) -> None:
        case = await his_outcome_unknown(work, outpatient(order_no))
        assert (await case.propose(A.ASK_AGAIN)).state == "IN_REVIEW"
        work.script.will("find_booking", BOOKED)

        assert (await case.propose(A.ASK_AGAIN)).state == "SETTLED"

    async def test_a_reversal_that_went_through_after_all_is_reversed(
        self, work: PaymentsAtWork, order_no: str
    ) -> None:
        case = await reversal_refused(work, outpatient(order_no))
        work.script.will("ask_order", waiting(7))

        assert (await case.propose(A.ASK_AGAIN)).state == "REVERSED"

    async def test_amounts_that_are_equal_now_are_booked(self, work: PaymentsAtWork, order_no: str) -> None:
        case = await amounts_differ(work, outpatient(order_no))
        work.script.will("ask_order", "paid")

        assert (await case.propose(A.ASK_AGAIN)).state == "SETTLED"

    async def test_keeps_what_waits_for_a_second_person(self, work: PaymentsAtWork, order_no: str) -> None:
        case = await his_outcome_unknown(work, outpatient(order_no))
        await case.propose(A.BOOK)
        await case.propose(A.ASK_AGAIN, by="other")

        assert (await case.approve(A.BOOK)).state == "SETTLED"


class TestAfterAReversal:
    async def test_a_visit_that_was_not_cancelled_is_cancelled_again(self, work: PaymentsAtWork, order_no: str) -> None:
        work.script.will("settle", HIS_REFUSES)
        work.script.will("cancel_registration", HIS_REFUSES)
        work.script.will("ask_order", "paid")
        begun = start(registration(order_no))
        await work.pre_settle(begun)
        with pytest.raises(WorkflowUpdateFailedError):
            await work.settle(settle_call(begun.order))
        await work.environment.sleep(60)
        assert await work.attention(begun) == "VISIT_NOT_CANCELLED"
        case = Case(work, begun)
        work.script.will("ask_order", waiting(7))

        assert (await case.propose(A.ASK_AGAIN)).state == "IN_REVIEW"
        work.script.will("cancel_registration", None)
        assert (await case.propose(A.ASK_AGAIN)).state == "REVERSED"

    async def test_a_booking_that_came_late_is_refunded_in_his_alone(self, work: PaymentsAtWork, order_no: str) -> None:
        work.script.will("settle", HIS_REFUSES)
        work.script.will("find_booking", Booking(), Booking(), BOOKED)
        work.script.will("ask_order", "paid")
        begun = start(outpatient(order_no))
        await work.pre_settle(begun)
        with pytest.raises(WorkflowUpdateFailedError):
            await work.settle(settle_call(begun.order))
        await work.environment.sleep(120)
        assert await work.attention(begun) == "BOOKED_AFTER_REVERSAL"
        case = Case(work, begun)
        work.script.will("ask_order", waiting(7))

        assert "已退回" in (await refusal_of(case.propose(A.ACCEPT))).message
        await case.propose(A.REFUND)
        work.script.will("tell_refund", HIS_DOWN)
        assert "未能告知" in (await refusal_of(case.approve(A.REFUND))).message
        work.script.will("tell_refund", None)
        assert (await case.decide(A.REFUND)).state == "REVERSED"
        assert work.script.asked.count("reverse") == 1


class TestBeforeTheSplit:
    async def test_an_order_paid_before_it_could_be_revoked_is_a_decision_of_two(
        self, work: PaymentsAtWork, order_no: str
    ) -> None:
        work.script.will("place_order", CENTRE_REFUSES)
        work.script.will("revoke_order", Revoked(ord_stas=6))
        begun = start(outpatient(order_no))
        with pytest.raises(WorkflowUpdateFailedError):
            await work.pre_settle(begun)
        assert await work.attention(begun) == "REVOCATION_REFUSED"
        case = Case(work, begun)
        work.script.will("ask_order", "paid")

        assert (await case.propose(A.ASK_AGAIN)).state == "IN_REVIEW"
        assert (await case.decide(A.BOOK)).state == "SETTLED"

    async def test_a_revocation_without_an_answer_is_asked_again(self, work: PaymentsAtWork, order_no: str) -> None:
        work.script.will("place_order", CENTRE_REFUSES)
        work.script.will("revoke_order", CENTRE_SILENT)
        begun = start(outpatient(order_no))
        with pytest.raises(WorkflowUpdateFailedError):
            await work.pre_settle(begun, 600)
        case = Case(work, begun)
        work.script.will("ask_order", waiting(12))

        assert (await case.propose(A.ASK_AGAIN)).state == "CANCELLED"
