"""PAID: HIS is asked before it is told; what it can't book goes back."""

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ActivityError, ApplicationError, TimeoutType
from temporalio.exceptions import TimeoutError as ActivityTimeout

from activities.contract.his import Booking
from domain.errors import Outcome
from domain.orders import Order, Registers, SettlementAnswer, SettleRequest
from domain.states import PaymentState
from tests.support.scripted.activities import (
    CENTRE_DOWN,
    CENTRE_REFUSES,
    CENTRE_SILENT,
    HIS_DOWN,
    HIS_REFUSES,
    HIS_SILENT,
)
from tests.support.scripted.payments import PaymentsAtWork
from tests.support.stack.time_skipping import refusal_of
from tests.support.values.orders import outpatient, registration, settle_call, start
from workflows.calls import _told


async def paid_and_called(
    work: PaymentsAtWork, order: Order, *, step_s: int = 30, **request: object
) -> SettlementAnswer:
    await work.pre_settle(start(order))
    work.script.will("ask_order", "paid")
    return await work.settle(settle_call(order).model_copy(update=request), step_s)


async def refused(work: PaymentsAtWork, order: Order, *, step_s: int = 30, **request: object) -> ApplicationError:
    return await refusal_of(paid_and_called(work, order, step_s=step_s, **request))


class TestARegistration:
    async def test_without_a_visit_is_registered_by_us(self, work: PaymentsAtWork, order_no: str) -> None:
        answer = await paid_and_called(work, registration(order_no))

        assert answer.visit_id == "V900"
        assert work.script.asked[-2:] == ["register", "settle"]
        assert work.script.payments[-1].visit_id == "V900"

    async def test_with_the_callers_visit_is_not_registered_again(self, work: PaymentsAtWork, order_no: str) -> None:
        work.script.will("find_booking", Booking(visit_patient_id="100001"))

        answer = await paid_and_called(work, registration(order_no), visit_id="V1")

        assert answer.visit_id == "V1"
        assert "register" not in work.script.asked

    async def test_that_his_has_already_is_taken(self, work: PaymentsAtWork, order_no: str) -> None:
        work.script.will("find_booking", Booking(visit_id="V77"))

        assert (await paid_and_called(work, registration(order_no))).visit_id == "V77"
        assert "register" not in work.script.asked

    async def test_with_another_patients_visit_is_refused_and_can_be_mended(
        self, work: PaymentsAtWork, order_no: str
    ) -> None:
        order = registration(order_no)
        work.script.will("find_booking", Booking(visit_patient_id="100002"), Booking(visit_patient_id="100001"))

        assert (await refused(work, order, visit_id="V2")).type == "PATIENT_MISMATCH"
        answer = await work.settle(settle_call(order, visit_id="V1"))

        assert answer.visit_id == "V1"

    async def test_with_a_wrong_visit_and_nobody_calling_again_is_finished(
        self, work: PaymentsAtWork, order_no: str
    ) -> None:
        order = registration(order_no)
        work.script.will("find_booking", Booking(visit_patient_id="100002"), Booking())

        assert (await refused(work, order, visit_id="V2")).type == "PATIENT_MISMATCH"
        assert await work.result(start(order)) is PaymentState.SETTLED
        assert work.script.payments[-1].visit_id == "V900"

    async def test_where_callers_register_waits_for_a_person(self, work: PaymentsAtWork, order_no: str) -> None:
        order = registration(order_no)
        await work.environment.sleep(0)
        begun = start(order, registers=Registers.CALLER)
        await work.pre_settle(begun)
        work.script.will("ask_order", "paid")
        with pytest.raises(WorkflowUpdateFailedError):
            await work.settle(settle_call(order))

        assert await work.attention(begun) == "VISIT_MISSING"
        assert "register" not in work.script.asked


class TestABookingThatIsThereAlready:
    async def test_by_the_caller_is_taken(self, work: PaymentsAtWork, order_no: str) -> None:
        work.script.will("find_booking", Booking(settlement_no="S9"))
        order = outpatient(order_no)

        await paid_and_called(work, order)

        assert "settle" not in work.script.asked
        assert await work.result(start(order)) is PaymentState.SETTLED

    async def test_in_spite_of_a_refusal_is_taken(self, work: PaymentsAtWork, order_no: str) -> None:
        work.script.will("settle", HIS_REFUSES)
        work.script.will("find_booking", Booking(), Booking(settlement_no="S9"))

        await paid_and_called(work, outpatient(order_no))

        assert "reverse" not in work.script.asked


class TestHisAway:
    async def test_for_a_while_is_waited_for(self, work: PaymentsAtWork, order_no: str) -> None:
        work.script.will("settle", HIS_DOWN, HIS_SILENT, HIS_DOWN, Booking(settlement_no="S1"))

        await paid_and_called(work, outpatient(order_no))

        assert work.script.asked.count("settle") == 4

    async def test_for_longer_than_its_budget_reverses_what_was_never_sent(
        self, work: PaymentsAtWork, order_no: str
    ) -> None:
        work.script.will("settle", HIS_DOWN)
        order = outpatient(order_no)
        await work.pre_settle(start(order, his_retry_budget_s=60))
        work.script.will("ask_order", "paid")
        refusal = await refusal_of(work.settle(settle_call(order), 30))

        assert refusal.type == "REVERSED"

    async def test_with_an_unknown_outcome_is_asked_before_it_is_reversed(
        self, work: PaymentsAtWork, order_no: str
    ) -> None:
        work.script.will("settle", HIS_SILENT)
        work.script.will("find_booking", Booking(), Booking(settlement_no="S9"))
        order = outpatient(order_no)
        await work.pre_settle(start(order, his_retry_budget_s=60))
        work.script.will("ask_order", "paid")
        await work.settle(settle_call(order), 30)

        assert "reverse" not in work.script.asked
        assert await work.result(start(order)) is PaymentState.SETTLED

    async def test_and_never_answering_is_reviewed_before_the_hour_is_over(
        self, work: PaymentsAtWork, order_no: str
    ) -> None:
        work.script.will("settle", HIS_SILENT)
        work.script.will("find_booking", Booking(), HIS_SILENT)
        order = outpatient(order_no)
        begun = start(order, his_retry_budget_s=60, reversal_window_s=300)
        await work.pre_settle(begun)
        work.script.will("ask_order", "paid")
        with pytest.raises(WorkflowUpdateFailedError):
            await work.settle(settle_call(order), 120)

        assert await work.attention(begun) == "HIS_OUTCOME_UNKNOWN"
        assert "reverse" not in work.script.asked

    async def test_a_caller_who_books_while_we_register_is_not_booked_again(
        self, work: PaymentsAtWork, order_no: str
    ) -> None:
        work.script.will("register", HIS_SILENT)
        work.script.will("find_booking", Booking(), Booking(visit_id="V5", settlement_no="S5"))
        order = registration(order_no)
        await work.pre_settle(start(order, his_retry_budget_s=60))
        work.script.will("ask_order", "paid")
        await work.settle(settle_call(order), 30)

        assert "settle" not in work.script.asked
        assert await work.result(start(order)) is PaymentState.SETTLED

    async def test_a_long_wait_for_the_right_visit_costs_his_none_of_its_budget(
        self, work: PaymentsAtWork, order_no: str
    ) -> None:
        order = registration(order_no)
        work.script.will("find_booking", Booking(visit_patient_id="100002"), Booking())
        begun = start(order, his_retry_budget_s=60, auto_finish_after_s=300)
        await work.pre_settle(begun)
        work.script.will("ask_order", "paid")
        with pytest.raises(WorkflowUpdateFailedError):
            await work.settle(settle_call(order, visit_id="V2"))

        assert await work.result(begun) is PaymentState.SETTLED
        assert "reverse" not in work.script.asked


class TestACutOffAttempt:
    def test_is_unknown_whatever_the_one_before_it_said(self) -> None:
        cut_off = ActivityTimeout("cut off", type=TimeoutType.SCHEDULE_TO_CLOSE, last_heartbeat_details=[])
        cut_off.__cause__ = ApplicationError("no connection", type="not_sent")
        error = ActivityError(
            "failed",
            scheduled_event_id=1,
            started_event_id=2,
            identity="",
            activity_type="",
            activity_id="",
            retry_state=None,
        )
        error.__cause__ = cut_off
        assert _told(error) is Outcome.UNKNOWN


class TestReversed:
    async def test_at_once_when_his_refuses(self, work: PaymentsAtWork, order_no: str) -> None:
        work.script.will("settle", HIS_REFUSES)
        order = outpatient(order_no)

        cause = await refused(work, order)

        assert cause.type == "REVERSED"
        assert "科室已停诊" in cause.message
        assert "已全额冲正退回128.50元" in cause.message
        assert await work.result(start(order)) is PaymentState.REVERSED

    async def test_where_the_channel_refunds_cash_the_caller_is_told(self, work: PaymentsAtWork, order_no: str) -> None:
        work.script.will("settle", HIS_REFUSES)
        order = outpatient(order_no)
        await work.pre_settle(start(order, cash_refunded_by="channel"))
        work.script.will("ask_order", "paid")
        refusal = await refusal_of(work.settle(settle_call(order)))

        assert "现金部分25.70元请在支付渠道退款" in refusal.message

    async def test_our_visit_is_cancelled(self, work: PaymentsAtWork, order_no: str) -> None:
        work.script.will("settle", HIS_REFUSES)
        order = registration(order_no)

        assert (await refused(work, order)).type == "REVERSED"
        assert await work.result(start(order)) is PaymentState.REVERSED
        assert work.script.asked.count("cancel_registration") == 1

    async def test_the_callers_visit_is_named_and_left(self, work: PaymentsAtWork, order_no: str) -> None:
        work.script.will("settle", HIS_REFUSES)
        work.script.will("find_booking", Booking(visit_patient_id="100001"), Booking())

        assert "V1" in (await refused(work, registration(order_no), visit_id="V1")).message
        assert "cancel_registration" not in work.script.asked

    async def test_asks_again_at_1_5_and_30_minutes_and_reviews_a_late_booking(
        self, work: PaymentsAtWork, order_no: str
    ) -> None:
        work.script.will("settle", HIS_REFUSES)
        work.script.will("find_booking", Booking(), Booking(), Booking(), Booking(settlement_no="LATE"))
        order = outpatient(order_no)
        assert (await refused(work, order)).type == "REVERSED"
        await work.environment.sleep(301)

        assert await work.attention(start(order)) == "BOOKED_AFTER_REVERSAL"

    async def test_is_reviewed_where_nobody_can_say_that_no_booking_came(
        self, work: PaymentsAtWork, order_no: str
    ) -> None:
        work.script.will("settle", HIS_REFUSES)
        work.script.will("find_booking", Booking(), Booking(), HIS_DOWN)
        order = outpatient(order_no)
        assert (await refused(work, order)).type == "REVERSED"
        await work.environment.sleep(7200)

        assert await work.attention(start(order)) == "LATE_BOOKING_UNCHECKED"

    async def test_stays_reversed_where_his_answers_in_the_end(self, work: PaymentsAtWork, order_no: str) -> None:
        work.script.will("settle", HIS_REFUSES)
        work.script.will("find_booking", Booking(), Booking(), *[HIS_DOWN] * 30, Booking())
        order = outpatient(order_no)
        assert (await refused(work, order)).type == "REVERSED"

        assert await work.result(start(order)) is PaymentState.REVERSED

    async def test_a_visit_of_ours_that_arrives_late_is_cancelled(self, work: PaymentsAtWork, order_no: str) -> None:
        work.script.will("register", HIS_REFUSES)
        work.script.will("find_booking", Booking(), Booking(), Booking(visit_id="LATE"), Booking())
        order = registration(order_no)

        assert (await refused(work, order)).type == "REVERSED"
        assert await work.result(start(order)) is PaymentState.REVERSED
        assert work.script.asked.count("cancel_registration") == 1

    async def test_a_visit_that_his_does_not_take_back_is_reviewed(self, work: PaymentsAtWork, order_no: str) -> None:
        work.script.will("settle", HIS_REFUSES)
        work.script.will("cancel_registration", HIS_DOWN)
        order = registration(order_no)

        assert (await refused(work, order)).type == "REVERSED"
        await work.environment.sleep(3_900)
        assert await work.attention(start(order)) == "VISIT_NOT_CANCELLED"

    async def test_lost_replies_are_repeated_until_the_money_is_back(self, work: PaymentsAtWork, order_no: str) -> None:
        work.script.will("settle", HIS_REFUSES)
        work.script.will("reverse", CENTRE_SILENT, CENTRE_DOWN, *work.script.answers["reverse"])

        assert (await refused(work, outpatient(order_no))).type == "REVERSED"

    async def test_refused_by_the_centre_is_reviewed(self, work: PaymentsAtWork, order_no: str) -> None:
        work.script.will("settle", HIS_REFUSES)
        work.script.will("reverse", CENTRE_REFUSES)
        order = outpatient(order_no)

        assert (await refused(work, order)).type == "IN_REVIEW"
        assert await work.attention(start(order)) == "REVERSAL_REFUSED"

    async def test_never_answered_is_reviewed_past_the_deadline(self, work: PaymentsAtWork, order_no: str) -> None:
        work.script.will("settle", HIS_REFUSES)
        work.script.will("reverse", CENTRE_SILENT)
        order = outpatient(order_no)
        await work.pre_settle(start(order, reversal_window_s=300))
        work.script.will("ask_order", "paid")
        refusal = await refusal_of(work.settle(settle_call(order), 120))

        assert refusal.type == "IN_REVIEW"
        assert await work.attention(start(order)) == "REVERSAL_WINDOW_CLOSED"


class TestACancellationInTheTemporalUi:
    async def test_does_not_stop_a_payment(self, work: PaymentsAtWork, order_no: str) -> None:
        order = outpatient(order_no)
        await work.pre_settle(start(order))
        await work.handle(order.workflow_id).cancel()
        work.script.will("ask_order", "paid")
        request: SettleRequest = settle_call(order)

        assert (await work.settle(request)).settlement.revs_token == "REVS"
        assert await work.result(start(order)) is PaymentState.SETTLED
