"""PRE_SETTLED: whatever wakes the payment, 6301 decides."""

import asyncio
from functools import partial

import pytest
from temporalio.api.history.v1 import HistoryEvent
from temporalio.exceptions import ApplicationError

from activities.contract.centre import Revoked
from domain.orders import Channel, SettleRequest
from domain.states import PaymentState
from tests.support.scripted.activities import CENTRE_DOWN, paid, waiting
from tests.support.scripted.payments import PaymentsAtWork
from tests.support.stack.time_skipping import refusal_of
from tests.support.values.orders import outpatient, settle_call, start
from workflows.limits import HINT_PAUSE
from workflows.payment.workflow import PaymentWorkflow

WINDOW_S = 1800


async def refused(work: PaymentsAtWork, request: SettleRequest, step_s: int = 30) -> ApplicationError:
    return await refusal_of(work.settle(request, step_s))


def _is_accepted(event: HistoryEvent) -> bool:
    return event.HasField("workflow_execution_update_accepted_event_attributes")


class TestAHint:
    async def test_that_follows_another_waits_a_moment(self, work: PaymentsAtWork, order_no: str) -> None:
        """Anybody who reaches Temporal can send one: a flood of them must not become one of questions."""
        order = outpatient(order_no)
        await work.pre_settle(start(order))
        notice = partial(work.handle(order.workflow_id).signal, PaymentWorkflow.notice)
        work.script.on("ask_order", notice)
        await notice()
        await work.environment.sleep(2 * HINT_PAUSE.total_seconds())

        first, second = (question.revision for question in work.script.questions)
        assert second - first >= HINT_PAUSE.total_seconds() * 1_000_000


class TestASettleCall:
    async def test_settles_what_was_paid(self, work: PaymentsAtWork, order_no: str) -> None:
        order = outpatient(order_no)
        await work.pre_settle(start(order))
        work.script.will("ask_order", "paid")

        answer = await work.settle(settle_call(order, visit_id=None))

        assert answer.settlement.revs_token == "REVS"
        assert work.script.asked[3:] == ["ask_order", "find_booking", "settle"]
        assert await work.result(start(order)) is PaymentState.SETTLED

    @pytest.mark.parametrize("ord_stas", [0, 1, 2, 3, 4, 5, 17, 18, 25])
    async def test_before_the_money_is_not_paid_and_changes_nothing(
        self, work: PaymentsAtWork, order_no: str, ord_stas: int
    ) -> None:
        order = outpatient(order_no)
        await work.pre_settle(start(order))
        work.script.will("ask_order", waiting(ord_stas))

        assert (await refused(work, settle_call(order))).type == "NOT_PAID"
        assert await work.state(start(order)) == "PRE_SETTLED"

    async def test_twice_at_once_asks_and_books_once(self, work: PaymentsAtWork, order_no: str) -> None:
        order = outpatient(order_no)
        await work.pre_settle(start(order))
        work.script.will("ask_order", "paid")

        first, second = await asyncio.gather(work.settle(settle_call(order)), work.settle(settle_call(order)))

        assert first == second
        assert work.script.asked.count("settle") == 1

    async def test_while_the_centre_is_silent_is_still_open(self, work: PaymentsAtWork, order_no: str) -> None:
        order = outpatient(order_no)
        await work.pre_settle(start(order))
        work.script.will("ask_order", CENTRE_DOWN)

        assert (await refused(work, settle_call(order))).type == "PROCESSING"
        assert await work.state(start(order)) == "PRE_SETTLED"

    async def test_of_another_payment_leaves_no_event(self, work: PaymentsAtWork, order_no: str) -> None:
        order = outpatient(order_no)
        await work.pre_settle(start(order))
        conflict = await refused(work, settle_call(order, "OTHER"))
        mismatch = await refused(work, settle_call(order, patient_id="100002"))
        channel = await refused(work, settle_call(order, channel=Channel.ALIPAY))

        assert (conflict.type, "payOrdId" in conflict.message) == ("ORDER_CONFLICT", True)
        assert (mismatch.type, channel.type) == ("PATIENT_MISMATCH", "ORDER_CONFLICT")
        accepted = [
            event async for event in work.handle(order.workflow_id).fetch_history_events() if _is_accepted(event)
        ]
        assert len(accepted) == 1


class TestOwnQuestions:
    async def test_come_at_growing_intervals(self, work: PaymentsAtWork, order_no: str) -> None:
        order = outpatient(order_no)
        await work.pre_settle(start(order))

        asked, slept_s = [], 0.0
        for at_s in (30, 90, 210, 510, 1110):
            # Each interval has its own jitter of a tenth.
            for moment_s in (at_s * 0.88, at_s * 1.12):
                await work.environment.sleep(moment_s - slept_s)
                slept_s = moment_s
                asked.append(work.script.asked.count("ask_order"))

        assert asked == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5]

    async def test_find_what_nobody_reported(self, work: PaymentsAtWork, order_no: str) -> None:
        order = outpatient(order_no)
        await work.pre_settle(start(order))
        work.script.will("ask_order", "paid")

        await work.environment.sleep(34)

        assert await work.state(start(order)) == "PAID"


class TestANotice:
    async def test_is_a_hint_that_6301_decides(self, work: PaymentsAtWork, order_no: str) -> None:
        order = outpatient(order_no)
        await work.pre_settle(start(order))
        await work.handle(order.workflow_id).signal(PaymentWorkflow.notice)
        await work.environment.sleep(1)

        assert work.script.asked[3:] == ["ask_order"]
        assert await work.state(start(order)) == "PRE_SETTLED"

    async def test_of_the_money_is_seen_at_once_and_twice_does_no_harm(
        self, work: PaymentsAtWork, order_no: str
    ) -> None:
        order = outpatient(order_no)
        await work.pre_settle(start(order))
        work.script.will("ask_order", "paid")
        for _ in range(2):
            await work.handle(order.workflow_id).signal(PaymentWorkflow.notice)
        await work.environment.sleep(1)

        assert await work.state(start(order)) == "PAID"
        assert (await work.settle(settle_call(order))).settlement.revs_token == "REVS"
        assert work.script.asked.count("settle") == 1


class TestTheWindowEnds:
    async def test_unpaid_is_asked_then_revoked_then_expired(self, work: PaymentsAtWork, order_no: str) -> None:
        order = outpatient(order_no)
        await work.pre_settle(start(order))

        assert await work.result(start(order)) is PaymentState.EXPIRED
        *questions, last = work.script.asked[3:]
        assert (set(questions), last) == ({"ask_order"}, "revoke_order")

    async def test_a_payment_that_waits_its_window_out_has_a_short_history(
        self, work: PaymentsAtWork, order_no: str
    ) -> None:
        order = outpatient(order_no)
        await work.pre_settle(start(order))

        assert await work.result(start(order)) is PaymentState.EXPIRED
        assert len((await work.handle(order.workflow_id).fetch_history()).events) <= 100

    async def test_paid_at_the_last_moment_is_finished_by_ourselves(self, work: PaymentsAtWork, order_no: str) -> None:
        order = outpatient(order_no)
        await work.pre_settle(start(order, payment_window_s=20))
        work.script.will("ask_order", "paid")

        assert await work.result(start(order)) is PaymentState.SETTLED

    async def test_paid_between_6301_and_6401_wins(self, work: PaymentsAtWork, order_no: str) -> None:
        order = outpatient(order_no)
        await work.pre_settle(start(order, payment_window_s=20))
        work.script.will("ask_order", waiting(1), "paid")
        work.script.will("revoke_order", Revoked(ord_stas=6))

        assert await work.result(start(order)) is PaymentState.SETTLED

    async def test_a_patient_who_is_paying_gets_more_time(self, work: PaymentsAtWork, order_no: str) -> None:
        order = outpatient(order_no)
        await work.pre_settle(start(order, payment_window_s=20))
        work.script.will("ask_order", waiting(2), waiting(2), waiting(3), "paid")

        assert await work.result(start(order)) is PaymentState.SETTLED
        assert "revoke_order" not in work.script.asked

    async def test_a_patient_who_never_finishes_is_reviewed(self, work: PaymentsAtWork, order_no: str) -> None:
        order = outpatient(order_no)
        await work.pre_settle(start(order))
        work.script.will("ask_order", waiting(2))
        await work.environment.sleep(WINDOW_S + 1900)

        assert (await refused(work, settle_call(order))).type == "IN_REVIEW"
        assert await work.attention(start(order)) == "STILL_PAYING"

    async def test_of_which_the_centre_says_nothing_is_reviewed(self, work: PaymentsAtWork, order_no: str) -> None:
        order = outpatient(order_no)
        await work.pre_settle(start(order, payment_window_s=60))
        work.script.will("ask_order", CENTRE_DOWN)
        await work.environment.sleep(60 + 2_400)

        assert await work.attention(start(order)) == "ORDER_STATUS_UNKNOWN"
        assert "revoke_order" not in work.script.asked


class TestAnEndWhileHisIsAsked:
    async def test_waits_for_his(self, work: PaymentsAtWork, order_no: str) -> None:
        """HIS is asked beside 6301: a workflow that closed before its answer could never complete its task."""
        order, answers = outpatient(order_no), asyncio.Event()
        await work.pre_settle(start(order))
        work.script.will("ask_order", waiting(12))

        async def is_slow() -> None:
            """Until the end is recorded, which nothing else waits for."""
            await answers.wait()

        async def is_recorded() -> None:
            answers.set()

        work.script.on("find_booking", is_slow)
        work.script.on("record_end", is_recorded)

        assert (await refused(work, settle_call(order))).type == "CANCELLED"
        assert await work.result(start(order)) is PaymentState.CANCELLED


class TestWhatTheStatusMeans:
    @pytest.mark.parametrize(
        ("ord_stas", "code", "state"),
        [(15, "INSURANCE_REFUSED", PaymentState.REJECTED), (12, "CANCELLED", PaymentState.CANCELLED)],
    )
    async def test_failed_and_revoked_end_unpaid(
        self, work: PaymentsAtWork, order_no: str, ord_stas: int, code: str, state: PaymentState
    ) -> None:
        order = outpatient(order_no)
        await work.pre_settle(start(order))
        work.script.will("ask_order", waiting(ord_stas))
        work.script.will("revoke_order", Revoked(ord_stas=ord_stas))

        assert (await refused(work, settle_call(order))).type == code
        assert await work.result(start(order)) is state

    @pytest.mark.parametrize("ord_stas", [7, 8, 9, 10, 11, 14, 16])
    async def test_what_we_did_not_cause_is_reviewed(self, work: PaymentsAtWork, order_no: str, ord_stas: int) -> None:
        order = outpatient(order_no)
        await work.pre_settle(start(order))
        work.script.will("ask_order", waiting(ord_stas))

        assert (await refused(work, settle_call(order))).type == "IN_REVIEW"
        assert await work.attention(start(order)) == f"ORDER_STATUS_{ord_stas}"

    async def test_other_amounts_than_pre_settled_are_reviewed(self, work: PaymentsAtWork, order_no: str) -> None:
        order = outpatient(order_no)
        answer = await work.pre_settle(start(order))
        now = await work.environment.get_current_time()
        work.script.will("ask_order", paid(now, consistent=False))

        assert answer.pay_ord_id == "ORD1"
        assert (await refused(work, settle_call(order))).type == "IN_REVIEW"
        assert await work.attention(start(order)) == "AMOUNT_INCONSISTENT"
        assert "settle" not in work.script.asked
