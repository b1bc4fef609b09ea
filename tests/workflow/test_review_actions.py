"""IN_REVIEW: what each decided action does, and when it is refused."""

from datetime import timedelta

import pytest
from temporalio.exceptions import ApplicationError

from activities.contract import Booking, Revoked
from activities.reporting import refusal
from domain.errors import ErrorCode
from domain.orders import Registers
from domain.reviews import CaseEvent, ReviewAction
from domain.states import PaymentState
from tests.support.orders import outpatient, registration, start
from tests.support.review_cases import (
    BOOKED,
    Case,
    amounts_differ,
    his_outcome_unknown,
    status,
    under_review,
)
from tests.support.scripted import CENTRE_REFUSES, CENTRE_SILENT, HIS_DOWN, HIS_REFUSES, HIS_SILENT, paid, waiting
from tests.workflow.conftest import Desk

A = ReviewAction


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
