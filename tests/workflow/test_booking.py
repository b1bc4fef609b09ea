"""PAID: HIS is asked before it is told; what it can't book goes back."""

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ActivityError, ApplicationError, TimeoutType
from temporalio.exceptions import TimeoutError as ActivityTimeout

from activities.contract import Booking
from domain.errors import Outcome
from domain.orders import Order, Registers, SettlementAnswer, SettleRequest
from domain.states import PaymentState
from tests.support.orders import outpatient, registration, settle_call, start
from tests.support.scripted import CENTRE_DOWN, CENTRE_REFUSES, CENTRE_SILENT, HIS_DOWN, HIS_REFUSES, HIS_SILENT
from tests.workflow.conftest import Desk
from workflows.calls import Unresolved, _failure


async def paid_and_called(desk: Desk, order: Order, *, step_s: int = 30, **request: object) -> SettlementAnswer:
    await desk.pre_settle(start(order))
    desk.script.will("ask_order", "paid")
    return await desk.settle(settle_call(order).model_copy(update=request), step_s)


async def refused(desk: Desk, order: Order, *, step_s: int = 30, **request: object) -> ApplicationError:
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await paid_and_called(desk, order, step_s=step_s, **request)
    assert isinstance(caught.value.cause, ApplicationError)
    return caught.value.cause


class TestARegistration:
    async def test_without_a_visit_is_registered_by_us(self, desk: Desk, order_no: str) -> None:
        answer = await paid_and_called(desk, registration(order_no))

        assert answer.visit_id == "V900"
        assert desk.script.asked[-2:] == ["register", "settle"]
        assert desk.script.payments[-1].visit_id == "V900"

    async def test_with_the_callers_visit_is_not_registered_again(self, desk: Desk, order_no: str) -> None:
        desk.script.will("find_booking", Booking(visit_patient_id="100001"))

        answer = await paid_and_called(desk, registration(order_no), visit_id="V1")

        assert answer.visit_id == "V1"
        assert "register" not in desk.script.asked

    async def test_that_his_has_already_is_taken(self, desk: Desk, order_no: str) -> None:
        desk.script.will("find_booking", Booking(visit_id="V77"))

        assert (await paid_and_called(desk, registration(order_no))).visit_id == "V77"
        assert "register" not in desk.script.asked

    async def test_with_another_patients_visit_is_refused_and_can_be_mended(self, desk: Desk, order_no: str) -> None:
        order = registration(order_no)
        desk.script.will("find_booking", Booking(visit_patient_id="100002"), Booking(visit_patient_id="100001"))

        assert (await refused(desk, order, visit_id="V2")).type == "PATIENT_MISMATCH"
        answer = await desk.settle(settle_call(order, visit_id="V1"))

        assert answer.visit_id == "V1"

    async def test_with_a_wrong_visit_and_nobody_calling_again_is_finished(self, desk: Desk, order_no: str) -> None:
        order = registration(order_no)
        desk.script.will("find_booking", Booking(visit_patient_id="100002"), Booking())

        assert (await refused(desk, order, visit_id="V2")).type == "PATIENT_MISMATCH"
        assert await desk.result(start(order)) is PaymentState.SETTLED
        assert desk.script.payments[-1].visit_id == "V900"

    async def test_where_callers_register_waits_for_a_person(self, desk: Desk, order_no: str) -> None:
        order = registration(order_no)
        await desk.environment.sleep(0)
        begun = start(order, registers=Registers.CALLER)
        await desk.pre_settle(begun)
        desk.script.will("ask_order", "paid")
        with pytest.raises(WorkflowUpdateFailedError):
            await desk.settle(settle_call(order))

        assert await desk.attention(begun) == "VISIT_MISSING"
        assert "register" not in desk.script.asked


class TestABookingThatIsThereAlready:
    async def test_by_the_caller_is_taken(self, desk: Desk, order_no: str) -> None:
        desk.script.will("find_booking", Booking(settlement_no="S9"))
        order = outpatient(order_no)

        await paid_and_called(desk, order)

        assert "settle" not in desk.script.asked
        assert await desk.result(start(order)) is PaymentState.SETTLED

    async def test_in_spite_of_a_refusal_is_taken(self, desk: Desk, order_no: str) -> None:
        desk.script.will("settle", HIS_REFUSES)
        desk.script.will("find_booking", Booking(), Booking(settlement_no="S9"))

        await paid_and_called(desk, outpatient(order_no))

        assert "reverse" not in desk.script.asked


class TestHisAway:
    async def test_for_a_while_is_waited_for(self, desk: Desk, order_no: str) -> None:
        desk.script.will("settle", HIS_DOWN, HIS_SILENT, HIS_DOWN, Booking(settlement_no="S1"))

        await paid_and_called(desk, outpatient(order_no))

        assert desk.script.asked.count("settle") == 4

    async def test_for_longer_than_its_budget_reverses_what_was_never_sent(self, desk: Desk, order_no: str) -> None:
        desk.script.will("settle", HIS_DOWN)
        order = outpatient(order_no)
        await desk.pre_settle(start(order, his_retry_budget_s=60))
        desk.script.will("ask_order", "paid")
        with pytest.raises(WorkflowUpdateFailedError) as caught:
            await desk.settle(settle_call(order), 30)

        assert isinstance(caught.value.cause, ApplicationError)
        assert caught.value.cause.type == "REVERSED"

    async def test_with_an_unknown_outcome_is_asked_before_it_is_reversed(self, desk: Desk, order_no: str) -> None:
        desk.script.will("settle", HIS_SILENT)
        desk.script.will("find_booking", Booking(), Booking(settlement_no="S9"))
        order = outpatient(order_no)
        await desk.pre_settle(start(order, his_retry_budget_s=60))
        desk.script.will("ask_order", "paid")
        await desk.settle(settle_call(order), 30)

        assert "reverse" not in desk.script.asked
        assert await desk.result(start(order)) is PaymentState.SETTLED

    async def test_and_never_answering_is_reviewed_before_the_hour_is_over(self, desk: Desk, order_no: str) -> None:
        desk.script.will("settle", HIS_SILENT)
        desk.script.will("find_booking", Booking(), HIS_SILENT)
        order = outpatient(order_no)
        begun = start(order, his_retry_budget_s=60, reversal_window_s=300)
        await desk.pre_settle(begun)
        desk.script.will("ask_order", "paid")
        with pytest.raises(WorkflowUpdateFailedError):
            await desk.settle(settle_call(order), 120)

        assert await desk.attention(begun) == "HIS_OUTCOME_UNKNOWN"
        assert "reverse" not in desk.script.asked

    async def test_a_caller_who_books_while_we_register_is_not_booked_again(self, desk: Desk, order_no: str) -> None:
        desk.script.will("register", HIS_SILENT)
        desk.script.will("find_booking", Booking(), Booking(visit_id="V5", settlement_no="S5"))
        order = registration(order_no)
        await desk.pre_settle(start(order, his_retry_budget_s=60))
        desk.script.will("ask_order", "paid")
        await desk.settle(settle_call(order), 30)

        assert "settle" not in desk.script.asked
        assert await desk.result(start(order)) is PaymentState.SETTLED

    async def test_a_long_wait_for_the_right_visit_costs_his_none_of_its_budget(
        self, desk: Desk, order_no: str
    ) -> None:
        order = registration(order_no)
        desk.script.will("find_booking", Booking(visit_patient_id="100002"), Booking())
        begun = start(order, his_retry_budget_s=60, auto_finish_after_s=300)
        await desk.pre_settle(begun)
        desk.script.will("ask_order", "paid")
        with pytest.raises(WorkflowUpdateFailedError):
            await desk.settle(settle_call(order, visit_id="V2"))

        assert await desk.result(begun) is PaymentState.SETTLED
        assert "reverse" not in desk.script.asked


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
        failure = _failure(error)
        assert isinstance(failure, Unresolved)
        assert failure.outcome is Outcome.UNKNOWN


class TestReversed:
    async def test_at_once_when_his_refuses(self, desk: Desk, order_no: str) -> None:
        desk.script.will("settle", HIS_REFUSES)
        order = outpatient(order_no)

        cause = await refused(desk, order)

        assert cause.type == "REVERSED"
        assert "科室已停诊" in cause.message
        assert "已全额冲正退回128.50元" in cause.message
        assert await desk.result(start(order)) is PaymentState.REVERSED

    async def test_where_the_channel_refunds_cash_the_caller_is_told(self, desk: Desk, order_no: str) -> None:
        desk.script.will("settle", HIS_REFUSES)
        order = outpatient(order_no)
        await desk.pre_settle(start(order, cash_refunded_by="channel"))
        desk.script.will("ask_order", "paid")
        with pytest.raises(WorkflowUpdateFailedError) as caught:
            await desk.settle(settle_call(order))

        assert isinstance(caught.value.cause, ApplicationError)
        assert "现金部分25.70元请在支付渠道退款" in caught.value.cause.message

    async def test_our_visit_is_cancelled(self, desk: Desk, order_no: str) -> None:
        desk.script.will("settle", HIS_REFUSES)
        order = registration(order_no)

        assert (await refused(desk, order)).type == "REVERSED"
        assert await desk.result(start(order)) is PaymentState.REVERSED
        assert desk.script.asked.count("cancel_registration") == 1

    async def test_the_callers_visit_is_named_and_left(self, desk: Desk, order_no: str) -> None:
        desk.script.will("settle", HIS_REFUSES)
        desk.script.will("find_booking", Booking(visit_patient_id="100001"), Booking())

        assert "V1" in (await refused(desk, registration(order_no), visit_id="V1")).message
        assert "cancel_registration" not in desk.script.asked

    async def test_asks_again_at_1_5_and_30_minutes_and_reviews_a_late_booking(self, desk: Desk, order_no: str) -> None:
        desk.script.will("settle", HIS_REFUSES)
        desk.script.will("find_booking", Booking(), Booking(), Booking(), Booking(settlement_no="LATE"))
        order = outpatient(order_no)
        assert (await refused(desk, order)).type == "REVERSED"
        await desk.environment.sleep(301)

        assert await desk.attention(start(order)) == "BOOKED_AFTER_REVERSAL"

    async def test_is_reviewed_where_nobody_can_say_that_no_booking_came(self, desk: Desk, order_no: str) -> None:
        desk.script.will("settle", HIS_REFUSES)
        desk.script.will("find_booking", Booking(), Booking(), HIS_DOWN)
        order = outpatient(order_no)
        assert (await refused(desk, order)).type == "REVERSED"
        await desk.environment.sleep(7200)

        assert await desk.attention(start(order)) == "LATE_BOOKING_UNCHECKED"

    async def test_stays_reversed_where_his_answers_in_the_end(self, desk: Desk, order_no: str) -> None:
        desk.script.will("settle", HIS_REFUSES)
        desk.script.will("find_booking", Booking(), Booking(), *[HIS_DOWN] * 30, Booking())
        order = outpatient(order_no)
        assert (await refused(desk, order)).type == "REVERSED"

        assert await desk.result(start(order)) is PaymentState.REVERSED

    async def test_a_visit_of_ours_that_arrives_late_is_cancelled(self, desk: Desk, order_no: str) -> None:
        desk.script.will("register", HIS_REFUSES)
        desk.script.will("find_booking", Booking(), Booking(), Booking(visit_id="LATE"), Booking())
        order = registration(order_no)

        assert (await refused(desk, order)).type == "REVERSED"
        assert await desk.result(start(order)) is PaymentState.REVERSED
        assert desk.script.asked.count("cancel_registration") == 1

    async def test_a_visit_that_his_does_not_take_back_is_reviewed(self, desk: Desk, order_no: str) -> None:
        desk.script.will("settle", HIS_REFUSES)
        desk.script.will("cancel_registration", HIS_DOWN)
        order = registration(order_no)

        assert (await refused(desk, order)).type == "REVERSED"
        await desk.environment.sleep(3_900)
        assert await desk.attention(start(order)) == "VISIT_NOT_CANCELLED"

    async def test_lost_replies_are_repeated_until_the_money_is_back(self, desk: Desk, order_no: str) -> None:
        desk.script.will("settle", HIS_REFUSES)
        desk.script.will("reverse", CENTRE_SILENT, CENTRE_DOWN, *desk.script.answers["reverse"])

        assert (await refused(desk, outpatient(order_no))).type == "REVERSED"

    async def test_refused_by_the_centre_is_reviewed(self, desk: Desk, order_no: str) -> None:
        desk.script.will("settle", HIS_REFUSES)
        desk.script.will("reverse", CENTRE_REFUSES)
        order = outpatient(order_no)

        assert (await refused(desk, order)).type == "IN_REVIEW"
        assert await desk.attention(start(order)) == "REVERSAL_REFUSED"

    async def test_never_answered_is_reviewed_past_the_deadline(self, desk: Desk, order_no: str) -> None:
        desk.script.will("settle", HIS_REFUSES)
        desk.script.will("reverse", CENTRE_SILENT)
        order = outpatient(order_no)
        await desk.pre_settle(start(order, reversal_window_s=300))
        desk.script.will("ask_order", "paid")
        with pytest.raises(WorkflowUpdateFailedError) as caught:
            await desk.settle(settle_call(order), 120)

        assert isinstance(caught.value.cause, ApplicationError)
        assert caught.value.cause.type == "IN_REVIEW"
        assert await desk.attention(start(order)) == "REVERSAL_WINDOW_CLOSED"


class TestACancellationInTheTemporalUi:
    async def test_does_not_stop_a_payment(self, desk: Desk, order_no: str) -> None:
        order = outpatient(order_no)
        await desk.pre_settle(start(order))
        await desk.handle(order.workflow_id).cancel()
        desk.script.will("ask_order", "paid")
        request: SettleRequest = settle_call(order)

        assert (await desk.settle(request)).settlement.revs_token == "REVS"
        assert await desk.result(start(order)) is PaymentState.SETTLED
