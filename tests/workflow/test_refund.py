"""A refund, with its real activities and records: whatever the centre and HIS do, it is made once or not at all."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from domain.attention import AttentionReason
from domain.insurance import RefundParts, RefundType
from domain.refunds import RefundOrder
from domain.reviews import CaseEvent, ReviewAction
from domain.states import PaymentState, RefundState
from domain.values.fen import Fen
from tests.support.scripted.refunds import (
    DOWN,
    EXP,
    HIS_DOWN,
    HIS_REFUSES,
    LOST,
    MADE,
    REFUSED,
    SILENT,
    UNSIGNED,
    RefundsAtWork,
    refunds_at_work,
)
from tests.support.stack.time_skipping import refusal_of
from tests.support.values.records import AT

ELSEWHERE = AttentionReason.REFUNDED_ELSEWHERE.value

A = ReviewAction


@pytest_asyncio.fixture
async def work(environment: WorkflowEnvironment, tmp_path: Path) -> AsyncIterator[RefundsAtWork]:
    async with refunds_at_work(environment, tmp_path) as started:
        yield started


async def under_review(work: RefundsAtWork, order: RefundOrder | None = None) -> RefundOrder:
    """A refund whose outcome nobody knows, after three sends."""
    order = order or work.order()
    work.sides.refunds = [LOST]
    work.sides.ord_stas = [17]
    assert (await work.refused(order)).type == "IN_REVIEW"
    return order


class TestThatGoesWell:
    async def test_is_answered_once_the_money_is_back(self, work: RefundsAtWork) -> None:
        order = work.order()
        assert await work.refund(order) is RefundState.REFUNDED
        (request,) = work.sides.requests
        assert (request.app_refd_sn, request.pay_auth_no, request.revs_token) == (
            f"{work.key.med_org_ord}:R1",
            "AUTH-R1",
            "",
        )
        assert (request.total_fen, request.refund_type, request.reason) == (12850, RefundType.ALL, "退药")
        payment, refund = await work.rows()
        assert (payment.state, payment.refunding, refund.refd_sn) == (PaymentState.REFUNDED, "", "RF1")
        assert await work.closed(order) is RefundState.REFUNDED
        assert [(told.refund_no, told.total_fen) for told in work.sides.told] == [("R1", 12850)]
        assert work.sides.asked == 0
        assert await work.attribute(order, "PaymentState") == "REFUNDED"

    async def test_may_be_one_of_several(self, work: RefundsAtWork) -> None:
        assert await work.refund(work.cash("R1", 1000)) is RefundState.PARTIALLY_REFUNDED
        assert await work.refund(work.order("R2", refund_type=RefundType.HI)) is RefundState.PARTIALLY_REFUNDED
        assert await work.refund(work.order("R3", refund_type=RefundType.CASH)) is RefundState.REFUNDED
        totals = [request.total_fen for request in work.sides.requests]
        assert totals == [1000, 10280, 1570]

    async def test_meets_the_same_call_under_way(self, work: RefundsAtWork) -> None:
        work.sides.refunds = [DOWN, MADE]
        order = work.cash("R1", 100)
        first = await work.begin(order)
        again = await work.again(order.model_copy(update={"pay_auth_no": "ANOTHER"}))
        other = await work.failure(await work.again(work.cash("R1", 101)))
        assert (other.type, "amount" in other.message) == ("REFUND_CONFLICT", True)
        assert {await work.in_time(first), await work.in_time(again)} == {RefundState.PARTIALLY_REFUNDED}
        assert {request.pay_auth_no for request in work.sides.requests} == {"AUTH-R1"}


class TestOutcomeUnknown:
    @pytest.mark.parametrize("answer", [EXP, LOST, UNSIGNED])
    async def test_is_healed_by_asking(self, work: RefundsAtWork, answer: Exception) -> None:
        """The same appRefdSn again brings the refdSn, which was lost with the answer."""
        work.sides.refunds = [answer, MADE, AssertionError("sent three times")]
        work.sides.ord_stas = [7]
        assert await work.refund(work.order()) is RefundState.REFUNDED
        assert (len(work.sides.requests), work.sides.asked) == (2, 1)
        assert len({request.app_refd_sn for request in work.sides.requests}) == 1
        assert (await work.rows())[1].refd_sn == "RF1"

    async def test_stays_without_a_number_that_never_comes(self, work: RefundsAtWork) -> None:
        work.sides.refunds = [LOST]
        work.sides.ord_stas = [7]
        order = work.order()
        assert await work.refund(order) is RefundState.REFUNDED
        assert len(work.sides.requests) == 3
        payment, refund = await work.rows()
        assert (refund.refd_sn, refund.note, payment.state) == ("", "", PaymentState.REFUNDED)
        assert await work.attribute(order, "NeedsAttention") == "False"

    async def test_whose_repeat_is_refused_may_be_somebody_elses(self, work: RefundsAtWork) -> None:
        work.sides.refunds = [LOST, REFUSED]
        work.sides.ord_stas = [7]
        order = work.order()
        assert await work.refund(order) is RefundState.REFUNDED
        payment, refund = await work.rows()
        assert (refund.refd_sn, refund.note, payment.note) == ("", ELSEWHERE, ELSEWHERE)
        assert await work.attribute(order, "AttentionReason") == ELSEWHERE

    async def test_that_the_status_can_not_tell_is_sent_again(self, work: RefundsAtWork) -> None:
        await work.refund(work.cash("R1", 100))
        work.sides.refunds = [LOST, MADE]
        work.sides.ord_stas = [10]
        assert await work.refund(work.cash("R2", 100)) is RefundState.PARTIALLY_REFUNDED
        numbers = [request.app_refd_sn[-2:] for request in work.sides.requests]
        assert numbers == ["R1", "R2", "R2"]

    async def test_after_three_sends_is_a_persons(self, work: RefundsAtWork) -> None:
        order = await under_review(work)
        assert len(work.sides.requests) == 3
        # Before each repeat and at the end; more often where it is too early for a repeat.
        assert work.sides.asked >= 3
        assert len({request.app_refd_sn for request in work.sides.requests}) == 1
        payment, refund = await work.rows()
        assert (payment.refunding, payment.state, refund.state) == ("R1", PaymentState.SETTLED, RefundState.IN_REVIEW)
        assert await work.attribute(order, "AttentionReason") == "REFUND_OUTCOME_UNKNOWN"
        case, _ = await work.case()
        assert case is not None
        assert (case.at_risk_fen, case.closed_at) == (12850, None)

    async def test_that_can_not_be_asked_for_is_a_persons_too(self, work: RefundsAtWork) -> None:
        work.sides.refunds = [LOST]
        work.sides.ord_stas = [SILENT]
        assert (await work.refused(work.order(), step_s=60)).type == "IN_REVIEW"
        assert len(work.sides.requests) == 1

    async def test_that_our_database_will_never_take_is_a_persons_at_once(self, work: RefundsAtWork) -> None:
        work.sides.refunds = [MADE.model_copy(update={"refd_sn": "RF\ud800"})]
        work.sides.ord_stas = [17]
        order = work.order()
        refused = await work.refused(order, step_s=1)
        assert (refused.type, "不能保存" in refused.message) == ("IN_REVIEW", True)
        assert len(work.sides.requests) == 1
        assert await work.attribute(order, "AttentionReason") == "RECORD_REFUSED"
        case, _ = await work.case()
        assert case is not None
        assert (case.reason, case.at_risk_fen, case.closed_at) == ("RECORD_REFUSED", 12850, None)


class TestThatIsNotMade:
    async def test_is_refused_by_the_centre(self, work: RefundsAtWork) -> None:
        work.sides.refunds = [REFUSED]
        order = work.order()
        cause = await work.refused(order)
        assert (cause.type, cause.message) == ("INSURANCE_REFUSED", "支付授权码已过期")
        payment, refund = await work.rows()
        assert (payment.refunded.total_fen, payment.refunding) == (0, "")
        assert (refund.state, refund.error_message) == (RefundState.REFUND_FAILED, "支付授权码已过期")
        assert await work.closed(order) is RefundState.REFUND_FAILED
        assert work.sides.told == []

    @pytest.mark.parametrize("ord_stas", [7, 8, 9, 10, 11])
    async def test_since_the_money_went_back_past_us(self, work: RefundsAtWork, ord_stas: int) -> None:
        work.sides.refunds, work.sides.ord_stas = [REFUSED], [ord_stas]
        order = work.order()
        cause = await work.refused(order)
        assert cause.type == "NOT_REFUNDABLE"
        assert f"在本系统之外退回(ordStas {ord_stas})" in cause.message
        payment, refund = await work.rows()
        assert (refund.state, refund.note, refund.error_message) == (
            RefundState.REFUND_FAILED,
            ELSEWHERE,
            cause.message,
        )
        assert (payment.state, payment.note, payment.refunding) == (PaymentState.SETTLED, ELSEWHERE, "")
        assert await work.closed(order) is RefundState.REFUND_FAILED
        assert await work.attribute(order, "AttentionReason") == ELSEWHERE

    @pytest.mark.parametrize("ord_stas", [0, 6, 12, 14, 17, 18, SILENT])
    async def test_is_only_refused_where_the_status_shows_no_such_thing(
        self, work: RefundsAtWork, ord_stas: int | Exception
    ) -> None:
        work.sides.refunds, work.sides.ord_stas = [REFUSED], [ord_stas]
        order = work.order()
        assert (await work.refused(order)).type == "INSURANCE_REFUSED"
        assert [row.note for row in await work.rows()] == ["", ""]
        assert await work.attribute(order, "NeedsAttention") == "False"

    async def test_is_only_refused_where_our_own_refund_explains_the_status(self, work: RefundsAtWork) -> None:
        await work.refund(work.cash("R1", 100))
        work.sides.refunds, work.sides.ord_stas = [REFUSED], [10]
        assert (await work.refused(work.cash("R2", 100))).type == "INSURANCE_REFUSED"

    async def test_is_refused_after_a_lost_reply_only_if_nothing_went_back(self, work: RefundsAtWork) -> None:
        work.sides.refunds = [LOST, REFUSED]
        assert (await work.refused(work.order())).type == "INSURANCE_REFUSED"
        assert len(work.sides.requests) == 2
        assert work.sides.asked >= 2

    async def test_is_not_refused_while_an_earlier_call_may_still_arrive(self, work: RefundsAtWork) -> None:
        """The centre refused the repeat, and made the first one after that."""
        work.sides.call_timeout_s = 20
        work.sides.refunds = [LOST, REFUSED]
        work.sides.ord_stas = [6, 6, 7]
        assert await work.refund(work.order()) is RefundState.REFUNDED
        assert (await work.rows())[0].state is PaymentState.REFUNDED

    async def test_is_a_persons_where_the_status_can_not_tell_why(self, work: RefundsAtWork) -> None:
        await work.refund(work.cash("R1", 100))
        work.sides.refunds = [LOST, REFUSED]
        work.sides.ord_stas = [10]
        assert (await work.refused(work.cash("R2", 100))).type == "IN_REVIEW"

    async def test_was_never_sent(self, work: RefundsAtWork) -> None:
        work.sides.refunds = [DOWN]
        assert (await work.refused(work.order(), step_s=60)).type == "INSURANCE_UNAVAILABLE"
        payment, refund = await work.rows()
        assert (payment.refunded.total_fen, refund.state) == (0, RefundState.REFUND_FAILED)

    async def test_exceeds_what_was_paid(self, work: RefundsAtWork) -> None:
        assert (await work.refused(work.cash("R1", 2571))).type == "REFUND_EXCEEDS_PAID"
        assert (await work.rows())[1].state is RefundState.REFUND_FAILED
        assert work.sides.requests == []

    async def test_is_the_channels(self, work: RefundsAtWork) -> None:
        assert (await work.refused(work.cash("R1", 1), cash_refunded_by="channel")).type == "NOT_REFUNDABLE"


class TestBesideAnother:
    async def test_waits_for_it(self, work: RefundsAtWork) -> None:
        work.sides.refunds = [DOWN, DOWN, MADE]
        first, second = await work.begin(work.cash("R1", 100)), await work.begin(work.cash("R2", 100))
        assert await work.in_time(first) is RefundState.PARTIALLY_REFUNDED
        assert await work.in_time(second) is RefundState.PARTIALLY_REFUNDED
        assert (await work.rows("R2"))[0].refunded.own_pay_fen == 200

    async def test_is_not_left_waiting_for_ever(self, work: RefundsAtWork) -> None:
        """The other one's workflow is gone, and its row says that it goes on."""
        async with work.database.begin() as unit:
            parts = RefundParts(own_pay_fen=Fen(1))
            assert await unit.refunds.reserve(work.cash("R0", 1), parts, RefundParts(), AT)
        cause = await work.refused(work.cash("R1", 100), step_s=60)
        assert (cause.type, "R0" in cause.message) == ("REFUND_CONFLICT", True)

    async def test_is_told_at_once_if_that_is_under_review(self, work: RefundsAtWork) -> None:
        await under_review(work, work.cash("R1", 100))
        cause = await work.refused(work.cash("R2", 100), step_s=0)
        assert (cause.type, "人工核查" in cause.message) == ("REFUND_CONFLICT", True)


class TestHis:
    async def test_told_late_asks_for_attention_until_then(self, work: RefundsAtWork) -> None:
        work.sides.his = [HIS_DOWN]
        order = work.order()
        assert await work.refund(order) is RefundState.REFUNDED
        assert (await work.rows())[1].his_told_at is None
        await work.environment.sleep(400)
        assert await work.attribute(order, "AttentionReason") == "HIS_NOT_TOLD"
        work.sides.his = [None]
        assert await work.closed(order) is RefundState.REFUNDED
        assert await work.attribute(order, "NeedsAttention") == "False"
        assert (await work.rows())[1].his_told_at is not None

    async def test_down_for_more_than_a_day_is_left_to_a_person(self, work: RefundsAtWork) -> None:
        work.sides.his = [HIS_DOWN]
        order = work.order()
        await work.refund(order)
        assert await work.closed(order) is RefundState.REFUNDED
        assert await work.attribute(order, "NeedsAttention") == "True"

    async def test_that_refuses_is_not_told_again(self, work: RefundsAtWork) -> None:
        work.sides.his = [HIS_REFUSES, AssertionError("told again")]
        order = work.order()
        await work.refund(order)
        assert await work.closed(order) is RefundState.REFUNDED
        assert await work.attribute(order, "AttentionReason") == "HIS_NOT_TOLD"


class TestUnderReview:
    async def test_shows_what_each_side_says(self, work: RefundsAtWork) -> None:
        order = await under_review(work)
        view = await work.inspect(order)
        assert (view.reason, view.at_risk_fen, view.facts.ord_stas) == ("REFUND_OUTCOME_UNKNOWN", 12850, 17)
        assert (view.facts.his_answers, view.facts.settlement_no) == (True, f"S-{work.key.med_org_ord}")
        assert set(A) - view.refused.keys() == {A.ASK_AGAIN}
        work.sides.ord_stas = [SILENT]
        assert (await work.inspect(order)).facts.ord_stas is None

    async def test_asking_again_ends_it_once_it_is_clear(self, work: RefundsAtWork) -> None:
        order = await under_review(work)
        assert (await work.propose(order, A.ASK_AGAIN)).state == "IN_REVIEW"
        work.sides.ord_stas = [7]
        assert (await work.propose(order, A.ASK_AGAIN)).state == "REFUNDED"
        assert await work.closed(order) is RefundState.REFUNDED
        assert len(work.sides.told) == 1
        assert await work.attribute(order, "NeedsAttention") == "False"
        case, events = await work.case()
        assert case is not None
        assert case.outcome == "REFUNDED"
        assert [(one.event, one.reason) for one in events] == [
            (CaseEvent.CARRIED_OUT, "IN_REVIEW"),
            (CaseEvent.CARRIED_OUT, "REFUNDED"),
        ]

    @pytest.mark.parametrize(
        ("action", "ord_stas", "end"),
        [(A.REFUND, 6, RefundState.REFUNDED), (A.ACCEPT, 7, RefundState.REFUNDED), (A.CLOSE_UNPAID, 6, None)],
    )
    async def test_two_people_end_it(
        self, work: RefundsAtWork, action: ReviewAction, ord_stas: int, end: RefundState | None
    ) -> None:
        order = await under_review(work)
        work.sides.ord_stas, work.sides.refunds = [ord_stas], [MADE]
        proposed = await work.propose(order, action, pay_auth_no="NEW-AUTH")
        assert (proposed.waiting, proposed.state) == (True, "IN_REVIEW")
        assert (await work.inspect(order)).proposed is not None
        decided = await work.approve(order, action)
        assert decided.state == (end or RefundState.REFUND_FAILED)
        assert await work.closed(order) is (end or RefundState.REFUND_FAILED)
        payment, refund = await work.rows()
        assert (payment.refunded.total_fen, refund.state) == (12850 if end else 0, decided.state)
        _, events = await work.case()
        assert [(one.event, one.by) for one in events] == [
            (CaseEvent.PROPOSED, "anna"),
            (CaseEvent.APPROVED, "bert"),
            (CaseEvent.CARRIED_OUT, "bert"),
        ]
        if action is A.REFUND:
            assert work.sides.requests[-1].pay_auth_no == "NEW-AUTH"
            assert len({request.app_refd_sn for request in work.sides.requests}) == 1

    async def test_a_refund_that_is_refused_closes_it(self, work: RefundsAtWork) -> None:
        order = await under_review(work)
        work.sides.ord_stas, work.sides.refunds = [6], [REFUSED]
        await work.propose(order, A.REFUND)
        assert (await work.approve(order, A.REFUND)).state == "REFUND_FAILED"
        assert (await work.rows())[1].error_message == "支付授权码已过期"

    async def test_a_refund_without_an_outcome_leaves_it_open(self, work: RefundsAtWork) -> None:
        order = await under_review(work)
        work.sides.ord_stas = [6]
        await work.propose(order, A.REFUND)
        decision = await work.approve(order, A.REFUND)
        assert (decision.state, decision.waiting) == ("IN_REVIEW", False)
        assert len(work.sides.requests) == 4

    async def test_one_person_alone_moves_nothing(self, work: RefundsAtWork) -> None:
        order = await under_review(work)
        work.sides.ord_stas = [6]
        await work.propose(order, A.REFUND, by="anna")
        for action, by, refused in ((A.REFUND, "anna", "FORBIDDEN"), (A.ACCEPT, "bert", "ACTION_REFUSED")):
            assert (await refusal_of(work.approve(order, action, by))).type == refused
        assert (await work.rows())[1].state is RefundState.IN_REVIEW
        assert len(work.sides.requests) == 3

    async def test_what_is_not_safe_is_refused_and_noted(self, work: RefundsAtWork) -> None:
        order = await under_review(work)
        work.sides.ord_stas = [6]
        assert (await refusal_of(work.propose(order, A.ACCEPT))).type == "ACTION_REFUSED"
        _, events = await work.case()
        assert [(one.event, one.action) for one in events] == [(CaseEvent.REFUSED, A.ACCEPT)]

    async def test_is_over_for_whoever_comes_late(self, work: RefundsAtWork) -> None:
        order = work.order()
        work.sides.his = [HIS_DOWN]
        await work.refund(order)
        assert (await refusal_of(work.propose(order, A.ASK_AGAIN))).type == "ACTION_REFUSED"


class TestACancellationInTheTemporalUi:
    async def test_does_not_stop_a_refund(self, work: RefundsAtWork) -> None:
        work.sides.refunds = [DOWN, MADE]
        order = work.order()
        update = await work.begin(order)
        await work.handle(order).cancel()
        assert await work.in_time(update) is RefundState.REFUNDED
