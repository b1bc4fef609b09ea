"""IN_REVIEW: what a person sees, that it takes two to decide, and what the rules do alone once all is clear."""

import pytest
from temporalio.client import WorkflowUpdateFailedError

from activities.contract import Booking, Revoked
from domain.reviews import CaseEvent, ReviewAction
from tests.support.orders import outpatient, registration, settle_call, start
from tests.support.review_cases import BOOKED, Case, amounts_differ, his_outcome_unknown, reversal_refused, status
from tests.support.scripted import CENTRE_REFUSES, CENTRE_SILENT, HIS_DOWN, HIS_REFUSES, waiting
from tests.workflow.conftest import Desk

A = ReviewAction


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
        monkeypatch.setattr("workflows.limits.REVIEW_LOOKS_MAX", 1)
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
