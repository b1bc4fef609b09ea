"""A case that waits for long goes on in a new run: Temporal takes so many updates of one, and none may be the last.

On a real server that takes 30 updates of a run; and by our own count, which is below Temporal's 2,000.
"""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from domain.base import Joined
from domain.reviews import Decision, Inspection, ReviewAction, ReviewView
from domain.states import PaymentState, RefundState
from security.crypto.keyring import Keyring
from security.crypto.payload_codec import data_converter
from tests.support.scripted.activities import Script, waiting
from tests.support.scripted.known import known_as
from tests.support.scripted.refunds import LOST, MADE, RefundsAtWork
from tests.support.stack.temporal_dev_server import temporal_server
from tests.support.stack.time_skipping import refusal_of
from tests.support.values.commands import approval, proposal
from tests.support.values.orders import outpatient, start
from tests.support.waiting import eventually
from workflows import limits
from workflows.search_attributes import ATTENTION_REASON, NEEDS_ATTENTION
from workflows.start import reopen

A = ReviewAction
UPDATES_MAX = 30


@dataclass
class Reviewed:
    """A payment under review on a real server, and the people who decide it."""

    handle: WorkflowHandle[Any, Any]
    script: Script

    async def propose(self, action: ReviewAction) -> Decision:
        decision: Decision = await self._patiently("propose", lambda: [proposal(action)], Decision)
        return decision

    async def look(self) -> ReviewView:
        view: ReviewView = await self._patiently("inspect", lambda: [Inspection()], ReviewView)
        return view

    async def approve(self, proposed: Decision, action: ReviewAction) -> Decision:
        """At once: an approval never waits for a new run."""
        decision: Decision = await self.handle.execute_update(
            "approve", approval(action, proposed.proposal), result_type=Decision
        )
        return decision

    async def _patiently(self, update: str, args: Any, kind: type[Any]) -> Any:  # noqa: ANN401 - any update's
        """Again as long as it is refused for the moment, as one does on a 429."""
        answers: list[Any] = []

        async def answered() -> bool:
            sent: list[Joined] = args()
            try:
                answers.append(await self.handle.execute_update(update, args=sent, result_type=kind))
            except WorkflowUpdateFailedError as refused:
                if not isinstance(refused.cause, ApplicationError) or refused.cause.type != "RATE_LIMITED":
                    raise
            return bool(answers)

        await eventually(answered)
        return answers[0]


@pytest_asyncio.fixture
async def reviewed() -> AsyncIterator[Reviewed]:
    async with temporal_server(f"history.maxTotalUpdates={UPDATES_MAX}") as address:
        client = await Client.connect(address, data_converter=data_converter(Keyring.generate()))
        script, queue = Script(), uuid.uuid4().hex
        known = known_as(PaymentState.IN_REVIEW, datetime.now(UTC), note="ORDER_STATUS_14")
        begun = start(outpatient(uuid.uuid4().hex[:20])).model_copy(update={"reopened": known})
        script.will("known_payment", known)
        script.will("ask_order", waiting(14))
        async with script.worker(client, queue):
            await reopen(client, begun, queue)
            yield Reviewed(client.get_workflow_handle(begun.order.workflow_id, result_type=PaymentState), script)


class TestAPayment:
    async def test_is_decided_after_more_questions_than_temporal_takes(self, reviewed: Reviewed) -> None:
        first = (await reviewed.handle.describe()).run_id
        for _ in range(2 * UPDATES_MAX):
            assert (await reviewed.propose(A.ASK_AGAIN)).state == "IN_REVIEW"
        described = await reviewed.handle.describe()
        assert described.run_id != first
        shown = described.typed_search_attributes
        assert (shown[NEEDS_ATTENTION], shown[ATTENTION_REASON]) == (True, "ORDER_STATUS_14")

        decision = await reviewed.approve(await reviewed.propose(A.CLOSE_UNPAID), A.CLOSE_UNPAID)

        assert decision.state == "CANCELLED"
        assert await reviewed.handle.result() is PaymentState.CANCELLED

    async def test_keeps_what_waits_for_a_second_person(self, reviewed: Reviewed) -> None:
        waiting_for = await reviewed.propose(A.CLOSE_UNPAID)
        first = (await reviewed.handle.describe()).run_id
        for _ in range(UPDATES_MAX):
            view = await reviewed.look()
            assert view.proposed is not None
            assert view.proposed.proposal == waiting_for.proposal
        assert (await reviewed.handle.describe()).run_id != first

        assert (await reviewed.approve(waiting_for, A.CLOSE_UNPAID)).state == "CANCELLED"


class TestARefund:
    async def test_goes_on_with_what_it_knows(self, refunds: RefundsAtWork, monkeypatch: pytest.MonkeyPatch) -> None:
        """Its reservation, why it is under review, how often 6203 was sent, and the proposal that waits."""
        order = refunds.order()
        refunds.sides.refunds, refunds.sides.ord_stas = [LOST], [17]
        assert (await refunds.refused(order)).type == "IN_REVIEW"
        first = (await refunds.handle(order).describe()).run_id
        refunds.sides.ord_stas = [6]
        waits = await refunds.propose(order, A.REFUND, pay_auth_no="NEW-AUTH")
        monkeypatch.setattr("workflows.limits.REVIEW_UPDATES_MAX", 2)
        await refunds.inspect(order)

        async def goes_on() -> bool:
            await refunds.environment.sleep(1)
            return (await refunds.handle(order).describe()).run_id != first

        await eventually(goes_on)
        monkeypatch.undo()
        view = await refunds.inspect(order)
        assert view.proposed is not None
        assert (view.reason, view.proposed.proposal) == ("REFUND_OUTCOME_UNKNOWN", waits.proposal)
        refunds.sides.refunds = [MADE]

        assert (await refunds.approve(order, A.REFUND)).state == "REFUNDED"

        assert await refunds.closed(order) is RefundState.REFUNDED
        assert [request.pay_auth_no for request in refunds.sides.requests] == [*["AUTH-R1"] * 3, "NEW-AUTH"]
        assert len({request.app_refd_sn for request in refunds.sides.requests}) == 1

    async def test_that_is_proposed_has_room_for_its_approval(
        self, refunds: RefundsAtWork, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It begins no new run, since it soon expires; looks and proposals are refused, an approval is not."""
        order = refunds.order()
        await refunds.propose_refund(order)
        monkeypatch.setattr("workflows.limits.REVIEW_UPDATES_MAX", 1)

        await refunds.inspect(order)
        assert (await refusal_of(refunds.inspect(order))).type == "RATE_LIMITED"
        assert (await refusal_of(refunds.propose(order, A.REFUND, pay_auth_no="X"))).type == "RATE_LIMITED"
        assert (await refunds.approve(order, A.REFUND)).state == "REFUNDED"


def test_our_own_count_leaves_room_for_approvals() -> None:
    assert limits.REVIEW_UPDATES_MAX <= 1_000
