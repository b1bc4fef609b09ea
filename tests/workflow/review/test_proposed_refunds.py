"""An operator's refund: proposed by one person, approved by another, and until then nobody hears of it."""

import pytest

from domain.errors import ErrorCode
from domain.insurance import RefundType
from domain.reviews import CaseEvent, ReviewAction
from domain.states import PaymentState, RefundState
from tests.support.scripted.refunds import REFUSED, RefundsAtWork
from tests.support.stack.time_skipping import refusal_of
from tests.support.values.commands import approval
from workflows.limits import PROPOSED_REFUND_SERVES

A = ReviewAction


class TestProposed:
    async def test_waits_where_people_look(self, refunds: RefundsAtWork) -> None:
        order = refunds.cash("R1", 1000)

        decision = await refunds.propose_refund(order)

        assert (decision.state, decision.waiting, len(decision.proposal)) == ("PROPOSED", True, 32)
        case, events = await refunds.case()
        assert case is not None
        assert (case.reason, case.closed_at, case.at_risk_fen) == ("REFUND_PROPOSED", None, 0)
        assert "CASH 10.00元" in case.message
        assert case.deadline is not None
        assert abs(case.deadline - case.opened_at - PROPOSED_REFUND_SERVES).total_seconds() < 5
        assert [(one.event, one.by, one.proposal) for one in events] == [
            (CaseEvent.PROPOSED, "anna", decision.proposal)
        ]
        attributes = [await refunds.attribute(order, name) for name in ("PaymentState", "NeedsAttention")]
        assert attributes == ["PROPOSED", "True"]
        view = await refunds.inspect(order)
        assert view.proposed is not None
        assert (view.reason, view.proposed.proposal) == ("REFUND_PROPOSED", decision.proposal)
        assert (refunds.sides.requests, refunds.sides.asked) == ([], 0)

    async def test_is_made_once_a_second_person_approves(self, refunds: RefundsAtWork) -> None:
        order = refunds.order()
        await refunds.propose_refund(order)

        decision = await refunds.approve(order, A.REFUND)

        assert (decision.state, decision.proposal) == ("REFUNDED", refunds.proposals["R1"])
        assert await refunds.closed(order) is RefundState.REFUNDED
        assert [request.pay_auth_no for request in refunds.sides.requests] == ["AUTH-R1"]
        payment, refund = await refunds.rows()
        assert (payment.state, refund.state) == (PaymentState.REFUNDED, RefundState.REFUNDED)
        case, events = await refunds.case()
        assert case is not None
        assert case.outcome == "REFUNDING"
        assert [(one.event, one.by) for one in events] == [
            (CaseEvent.PROPOSED, "anna"),
            (CaseEvent.APPROVED, "bert"),
            (CaseEvent.CARRIED_OUT, "bert"),
        ]
        assert len(refunds.sides.told) == 1
        assert await refunds.attribute(order, "NeedsAttention") == "False"

    async def test_is_nothing_that_its_proposer_may_approve(self, refunds: RefundsAtWork) -> None:
        order = refunds.order()
        await refunds.propose_refund(order)

        assert (await refusal_of(refunds.approve(order, A.REFUND, by="anna"))).type == "FORBIDDEN"
        assert refunds.sides.requests == []

    async def test_fails_if_nobody_approves_it_in_time(self, refunds: RefundsAtWork) -> None:
        order = refunds.order()
        await refunds.propose_refund(order)

        assert await refunds.closed(order, step_s=60) is RefundState.REFUND_FAILED

        payment, refund = await refunds.rows()
        assert (payment.state, payment.refunded.total_fen) == (PaymentState.SETTLED, 0)
        assert (refund.state, refund.error_code) == (RefundState.REFUND_FAILED, ErrorCode.EXPIRED)
        assert "10分钟" in refund.error_message
        assert "新的退款单号(refundNo)" in refund.error_message
        case, _ = await refunds.case()
        assert case is not None
        assert case.outcome == "REFUND_FAILED"
        assert (refunds.sides.requests, refunds.sides.asked) == ([], 0)
        assert await refunds.attribute(order, "NeedsAttention") == "False"

    async def test_takes_a_newer_authorisation_of_the_patient(self, refunds: RefundsAtWork) -> None:
        order = refunds.order()
        first = await refunds.propose_refund(order)
        again = await refunds.propose_refund(order)
        newer = await refunds.propose_refund(order, pay_auth_no="NEWER")

        assert (again.proposal, newer.proposal == first.proposal) == (first.proposal, False)
        stale = approval(A.REFUND, first.proposal, "bert", await refunds.now())
        assert "取代" in (await refusal_of(refunds.send(order, "approve", stale))).message
        assert (await refunds.approve(order, A.REFUND)).state == "REFUNDED"
        assert [request.pay_auth_no for request in refunds.sides.requests] == ["NEWER"]

    async def test_that_the_centre_refuses_has_failed(self, refunds: RefundsAtWork) -> None:
        refunds.sides.refunds = [REFUSED]
        order = refunds.order()
        await refunds.propose_refund(order)

        decision = await refunds.approve(order, A.REFUND)

        assert (decision.state, decision.message) == ("REFUND_FAILED", "支付授权码已过期")


class TestRefused:
    async def test_is_a_caller_s_refund_under_its_number(self, refunds: RefundsAtWork) -> None:
        order = refunds.order()
        await refunds.propose_refund(order)

        assert (await refunds.refused(order)).type == "REFUND_CONFLICT"
        assert refunds.sides.requests == []

    async def test_is_another_refund_under_its_number(self, refunds: RefundsAtWork) -> None:
        await refunds.propose_refund(refunds.cash("R1", 1000))

        refused = await refusal_of(refunds.propose_refund(refunds.cash("R1", 1001)))

        assert (refused.type, "CASH 10.00" in refused.message) == ("ACTION_REFUSED", True)

    @pytest.mark.parametrize("action", [A.BOOK, A.REVERSE, A.ACCEPT, A.CLOSE_UNPAID])
    async def test_is_any_other_action(self, refunds: RefundsAtWork, action: ReviewAction) -> None:
        order = refunds.order()
        await refunds.propose_refund(order)

        assert (await refusal_of(refunds.propose(order, action))).type == "ACTION_REFUSED"
        assert (await refunds.propose(order, A.ASK_AGAIN)).state == "PROPOSED"
        assert (await refunds.inspect(order)).proposed is not None

    async def test_is_what_can_not_be_refunded(self, refunds: RefundsAtWork) -> None:
        await refunds.refund(refunds.order("R0"))
        order = refunds.order("R1", refund_type=RefundType.CASH)

        assert (await refusal_of(refunds.propose_refund(order))).type == "ACTION_REFUSED"

        assert await refunds.closed(order) is RefundState.REFUND_FAILED
        assert (await refunds.rows())[1].error_code is ErrorCode.NOT_REFUNDABLE
        assert len(refunds.sides.requests) == 1
