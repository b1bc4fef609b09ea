"""People's commands are used once: whoever sends one again in Temporal, whose keys sealed it, orders nothing."""

from datetime import timedelta

import pytest
from temporalio.worker import Replayer

from domain.reviews import CaseEvent, ReviewAction
from domain.states import RefundState
from tests.support.scripted.refunds import LOST, RefundsAtWork
from tests.support.stack.time_skipping import refusal_of
from tests.support.values.commands import approval, proposal
from workflows.refund.workflow import RefundWorkflow
from workflows.sandbox import sandbox

A = ReviewAction


class TestSentAgain:
    async def test_a_proposal_is_refused_and_noted(self, refunds: RefundsAtWork) -> None:
        """One that was replaced would otherwise come back, and await an approval again."""
        order = refunds.order()
        await refunds.propose_refund(order)
        old = proposal(A.REFUND, "anna", await refunds.now(), pay_auth_no="OLD")
        await refunds.send(order, "propose", old, "propose-1")
        newer = await refunds.propose(order, A.REFUND, pay_auth_no="NEWER")

        again = await refusal_of(refunds.send(order, "propose", old, "propose-2"))

        assert (again.type, "不能重复使用" in again.message) == ("ACTION_REFUSED", True)
        view = await refunds.inspect(order)
        assert view.proposed is not None
        assert view.proposed.proposal == newer.proposal
        _, events = await refunds.case()
        assert (events[-1].event, events[-1].by, events[-1].proposal) == (CaseEvent.REFUSED, "anna", old.number)

    async def test_an_approval_that_came_too_late_leaves_the_proposal(self, refunds: RefundsAtWork) -> None:
        order = refunds.order()
        await refunds.propose_refund(order)
        word = approval(A.REFUND, refunds.proposals["R1"], "bert", await refunds.now())
        late = word.model_copy(update={"expires_at": await refunds.now() - timedelta(seconds=1)})
        assert "已失效" in (await refusal_of(refunds.send(order, "approve", late, "approve-1"))).message

        await refunds.send(order, "approve", word, "approve-2")

        assert await refunds.closed(order) is RefundState.REFUNDED
        assert len(refunds.sides.requests) == 1

    async def test_an_approval_of_a_case_that_stays_open_sends_nothing(self, refunds: RefundsAtWork) -> None:
        order = refunds.order()
        refunds.sides.refunds, refunds.sides.ord_stas = [LOST], [17]
        assert (await refunds.refused(order)).type == "IN_REVIEW"
        refunds.sides.ord_stas = [6]
        wish = proposal(A.REFUND, "anna", await refunds.now())
        await refunds.send(order, "propose", wish)
        word = approval(A.REFUND, wish.number, "bert", await refunds.now())
        assert (await refunds.send(order, "approve", word)).state == "IN_REVIEW"
        sent = len(refunds.sides.requests)

        for update, command in (("approve", word), ("propose", wish), ("approve", word)):
            assert (await refusal_of(refunds.send(order, update, command))).type == "ACTION_REFUSED"

        assert len(refunds.sides.requests) == sent

    async def test_the_same_update_gets_the_same_answer(self, refunds: RefundsAtWork) -> None:
        order = refunds.order()
        await refunds.propose_refund(order)
        wish = proposal(A.REFUND, "anna", await refunds.now(), pay_auth_no="NEWER")

        answers = [await refunds.send(order, "propose", wish, "propose-1") for _ in range(2)]

        assert answers[0] == answers[1]


class TestExpired:
    @pytest.mark.parametrize("late_s", [0, 1, 3_600])
    async def test_a_proposal_is_refused(self, refunds: RefundsAtWork, late_s: int) -> None:
        order = refunds.order()
        await refunds.propose_refund(order)
        wish = proposal(A.REFUND, "anna", await refunds.now(), pay_auth_no="LATE")
        late = wish.model_copy(update={"expires_at": await refunds.now() - timedelta(seconds=late_s)})

        refused = await refusal_of(refunds.send(order, "propose", late))

        assert (refused.type, "已失效" in refused.message) == ("ACTION_REFUSED", True)


class TestTheVerdict:
    async def test_stands_in_the_history(self, refunds: RefundsAtWork) -> None:
        """A replay asks nobody: also where the number is long forgotten, it comes to the same."""
        order = refunds.order()
        await refunds.propose_refund(order)
        wish = proposal(A.REFUND, "anna", await refunds.now(), pay_auth_no="NEWER")
        await refunds.send(order, "propose", wish, "propose-1")
        await refusal_of(refunds.send(order, "propose", wish, "propose-2"))
        refunds.proposals["R1"] = wish.number
        await refunds.approve(order, A.REFUND)
        await refunds.closed(order)
        async with refunds.database.begin() as unit:
            assert await unit.commands.forget(await refunds.now() + timedelta(days=1)) == 3
        client = refunds.environment.client
        history = await refunds.handle(order).fetch_history()

        await Replayer(
            workflows=[RefundWorkflow], data_converter=client.data_converter, workflow_runner=sandbox()
        ).replay_workflow(history)
