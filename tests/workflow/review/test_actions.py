"""IN_REVIEW: what each decided action does, and when it is refused."""

from datetime import timedelta

import pytest
from temporalio.exceptions import ApplicationError

from activities.contract.centre import Revoked
from activities.contract.his import Booking
from activities.reporting import refusal
from domain.errors import ErrorCode
from domain.orders import Registers
from domain.reviews import CaseEvent, ReviewAction
from domain.states import PaymentState
from tests.support.scripted.activities import (
    CENTRE_REFUSES,
    CENTRE_SILENT,
    HIS_DOWN,
    HIS_REFUSES,
    HIS_SILENT,
    paid,
    waiting,
)
from tests.support.scripted.payments import PaymentsAtWork
from tests.support.scripted.reviews import BOOKED, Case, amounts_differ, his_outcome_unknown, status, under_review
from tests.support.stack.time_skipping import refusal_of
from tests.support.values.orders import outpatient, registration, start

A = ReviewAction


class TestBook:
    async def test_books_and_ends_settled(self, work: PaymentsAtWork, order_no: str) -> None:
        case = await his_outcome_unknown(work, outpatient(order_no))

        assert (await case.decide(A.BOOK)).state == "SETTLED"
        assert await case.result() is PaymentState.SETTLED
        assert work.script.resolved[-1].state is PaymentState.PAID

    async def test_that_his_refuses_gives_the_money_back(self, work: PaymentsAtWork, order_no: str) -> None:
        case = await his_outcome_unknown(work, outpatient(order_no))
        work.script.will("settle", HIS_REFUSES)

        assert (await case.decide(A.BOOK)).state == "REVERSED"

    async def test_of_a_visit_that_we_had_asked_for_takes_it_for_ours(
        self, work: PaymentsAtWork, order_no: str
    ) -> None:
        work.script.will("register", HIS_SILENT)
        work.script.will("find_booking", Booking(), HIS_SILENT)
        work.script.will("ask_order", "paid")
        limits = {"his_retry_budget_s": 60, "reversal_window_s": 600}
        case = await under_review(work, registration(order_no), "HIS_OUTCOME_UNKNOWN", **limits)
        work.script.will("find_booking", Booking(visit_id="V8"))
        work.script.will("settle", HIS_REFUSES)

        assert (await case.decide(A.BOOK)).state == "REVERSED"
        assert await case.result() is PaymentState.REVERSED
        assert "cancel_registration" in work.script.asked

    async def test_that_fails_again_opens_another_case(self, work: PaymentsAtWork, order_no: str) -> None:
        case = await his_outcome_unknown(work, outpatient(order_no))
        await case.propose(A.BOOK)
        work.script.will("settle", HIS_SILENT)
        work.script.will("find_booking", Booking(), Booking(), HIS_SILENT)

        assert (await case.approve(A.BOOK)).state == "IN_REVIEW"
        work.script.will("find_booking", BOOKED)
        assert (await case.propose(A.ASK_AGAIN)).state == "SETTLED"

    async def test_is_refused_where_another_payment_has_the_bill_by_now(
        self, work: PaymentsAtWork, order_no: str
    ) -> None:
        case = await his_outcome_unknown(work, outpatient(order_no))
        await case.propose(A.BOOK)
        taken = refusal(ErrorCode.BILL_ALREADY_PAID, "该费用已由另一笔支付占用")
        work.script.will("record_resolution", taken, None)

        assert "另一笔支付" in (await refusal_of(case.approve(A.BOOK))).message
        assert (await case.inspect()).reason == "HIS_OUTCOME_UNKNOWN"
        assert (await case.decide(A.BOOK)).state == "SETTLED"

    async def test_is_refused_for_parts_that_do_not_make_the_whole(self, work: PaymentsAtWork, order_no: str) -> None:
        case = await amounts_differ(work, outpatient(order_no))
        now = await work.environment.get_current_time()
        answer = paid(now, consistent=False)
        broken = answer.status.model_copy(update={"split": answer.status.split.model_copy(update={"fund_fen": 7711})})  # type: ignore[union-attr]  # it has one
        work.script.will("ask_order", answer.model_copy(update={"status": broken}))

        assert "总金额(TOTAL)" in (await refusal_of(case.propose(A.BOOK))).message
        assert case.events == [(CaseEvent.REFUSED, "op")]

    async def test_needs_the_visit_that_only_the_caller_may_make(self, work: PaymentsAtWork, order_no: str) -> None:
        work.script.will("ask_order", "paid")
        case = await under_review(work, registration(order_no), "VISIT_MISSING", registers=Registers.CALLER)

        assert "VISIT_ID" in (await refusal_of(case.propose(A.BOOK))).message
        work.script.will("find_booking", Booking(visit_id="V7"))
        assert (await case.propose(A.ASK_AGAIN)).state == "SETTLED"
        assert work.script.payments[-1].visit_id == "V7"


class TestReverse:
    async def test_gives_the_money_back_and_says_so_at_once(self, work: PaymentsAtWork, order_no: str) -> None:
        case = await amounts_differ(work, outpatient(order_no))

        decision = await case.decide(A.REVERSE)

        assert decision.state == "REVERSED"
        assert "128.50" in decision.message
        assert await case.result() is PaymentState.REVERSED
        assert work.script.reversals[-1].pay_auth_no == ""

    async def test_that_the_centre_refuses_opens_another_case(self, work: PaymentsAtWork, order_no: str) -> None:
        case = await amounts_differ(work, outpatient(order_no))
        work.script.will("reverse", CENTRE_REFUSES)

        assert (await case.decide(A.REVERSE)).state == "IN_REVIEW"
        assert await work.attention(case.begun) == "REVERSAL_REFUSED"

    async def test_past_its_hour_is_refused(self, work: PaymentsAtWork, order_no: str) -> None:
        case = await amounts_differ(work, outpatient(order_no))
        assert "期限内请用冲正" in (await case.inspect()).refused[A.REFUND]
        await work.environment.sleep(timedelta(hours=1))

        assert "冲正期限已过" in (await refusal_of(case.propose(A.REVERSE))).message


class TestRefund:
    async def past_the_hour(self, work: PaymentsAtWork, order_no: str) -> Case:
        case = await his_outcome_unknown(work, outpatient(order_no))
        await work.environment.sleep(timedelta(hours=1))
        return case

    async def test_needs_the_patients_authorisation(self, work: PaymentsAtWork, order_no: str) -> None:
        case = await self.past_the_hour(work, order_no)

        assert "payAuthNo" in (await refusal_of(case.propose(A.REFUND))).message
        assert (await case.decide(A.REFUND, "AUTH9")).state == "REVERSED"
        assert work.script.reversals[-1].pay_auth_no == "AUTH9"
        assert "tell_refund" not in work.script.asked

    async def test_of_what_his_has_booked_tells_his(self, work: PaymentsAtWork, order_no: str) -> None:
        case = await self.past_the_hour(work, order_no)
        work.script.will("find_booking", BOOKED)

        assert (await case.decide(A.REFUND, "AUTH9")).state == "REVERSED"
        assert await case.result() is PaymentState.REVERSED
        assert work.script.asked[-1] == "tell_refund"

    async def test_that_his_can_not_be_told_of_is_a_case_that_only_tells(
        self, work: PaymentsAtWork, order_no: str
    ) -> None:
        case = await self.past_the_hour(work, order_no)
        work.script.will("find_booking", BOOKED)
        work.script.will("tell_refund", HIS_DOWN)
        assert (await case.decide(A.REFUND, "AUTH9")).state == "REVERSED"
        await work.environment.sleep(timedelta(hours=2))
        assert await work.attention(case.begun) == "HIS_NOT_TOLD"
        work.script.will("ask_order", waiting(7))
        work.script.will("tell_refund", None)

        assert (await case.decide(A.REFUND)).state == "REVERSED"
        assert work.script.asked.count("reverse") == 1

    @pytest.mark.parametrize(
        ("answer", "reason"), [(CENTRE_REFUSES, "REFUND_REFUSED"), (CENTRE_SILENT, "REFUND_UNKNOWN")]
    )
    async def test_that_fails_opens_another_case(
        self, work: PaymentsAtWork, order_no: str, answer: ApplicationError, reason: str
    ) -> None:
        case = await self.past_the_hour(work, order_no)
        work.script.will("reverse", answer)

        assert (await case.decide(A.REFUND, "AUTH9", step_s=300)).state == "IN_REVIEW"
        assert await work.attention(case.begun) == reason
        work.script.will("ask_order", waiting(7))
        assert (await case.propose(A.ASK_AGAIN)).state == "REVERSED"


class TestAccept:
    async def test_what_his_has_booked_with_other_amounts_is_settled(self, work: PaymentsAtWork, order_no: str) -> None:
        case = await amounts_differ(work, outpatient(order_no))
        assert "医院未入账" in (await refusal_of(case.propose(A.ACCEPT))).message
        work.script.will("find_booking", BOOKED)

        assert (await case.decide(A.ACCEPT)).state == "SETTLED"
        assert (work.script.resolved[-1].state, work.script.resolved[-1].settlement_no) == (PaymentState.SETTLED, "S9")


class TestCloseUnpaid:
    async def still_paying(self, work: PaymentsAtWork, order_no: str) -> Case:
        begun = start(outpatient(order_no))
        await work.pre_settle(begun)
        work.script.will("ask_order", waiting(2))
        await work.environment.sleep(timedelta(seconds=begun.terms.payment_window_s + 2000))
        assert await work.attention(begun) == "STILL_PAYING"
        return Case(work, begun)

    async def test_revokes_first(self, work: PaymentsAtWork, order_no: str) -> None:
        case = await self.still_paying(work, order_no)
        assert "正在支付" in (await refusal_of(case.propose(A.CLOSE_UNPAID))).message
        work.script.will("ask_order", waiting(1))

        assert (await case.decide(A.CLOSE_UNPAID)).state == "CANCELLED"
        assert work.script.asked.count("revoke_order") == 1

    @pytest.mark.parametrize("answer", [Revoked(ord_stas=6), CENTRE_SILENT])
    async def test_that_can_not_be_revoked_stays(self, work: PaymentsAtWork, order_no: str, answer: object) -> None:
        case = await self.still_paying(work, order_no)
        work.script.will("ask_order", waiting(1))
        await case.propose(A.CLOSE_UNPAID)
        work.script.will("revoke_order", answer)

        assert (await refusal_of(case.approve(A.CLOSE_UNPAID))).type == "ACTION_REFUSED"
        assert case.events[-1] == (CaseEvent.REFUSED, "boss")
        assert (await case.inspect()).reason == "STILL_PAYING"

    @pytest.mark.parametrize(("ord_stas", "state"), [(14, "CANCELLED"), (16, "CANCELLED"), (7, "REVERSED")])
    async def test_ends_what_two_people_say_is_over(
        self, work: PaymentsAtWork, order_no: str, ord_stas: int, state: str
    ) -> None:
        case = await status(work, outpatient(order_no), ord_stas)

        assert (await case.decide(A.CLOSE_UNPAID)).state == state
        assert "revoke_order" not in work.script.asked

    @pytest.mark.parametrize("ord_stas", [8, 9, 10, 11])
    async def test_is_refused_for_money_that_is_partly_back(
        self, work: PaymentsAtWork, order_no: str, ord_stas: int
    ) -> None:
        case = await status(work, outpatient(order_no), ord_stas)

        assert "退清" in (await refusal_of(case.propose(A.CLOSE_UNPAID))).message
