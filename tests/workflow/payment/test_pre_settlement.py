"""From the order to the split, and every way in which it ends before."""

import pytest
from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateStage
from temporalio.exceptions import ApplicationError

from activities.contract.centre import Revoked
from domain.orders import Channel, Order, PreSettleAnswer
from domain.states import PaymentState
from domain.values.fen import Fen
from tests.support.scripted.activities import CENTRE_DOWN, CENTRE_REFUSES, CENTRE_SILENT, HIS_DOWN, HIS_REFUSES
from tests.support.scripted.payments import PaymentsAtWork
from tests.support.stack.time_skipping import refusal_of
from tests.support.values.orders import SPLIT, bill_of, outpatient, start
from workflows.payment.workflow import PaymentWorkflow


async def refused(work: PaymentsAtWork, order_no: str, step_s: int = 30) -> ApplicationError:
    return await refusal_of(work.pre_settle(start(outpatient(order_no)), step_s))


class TestTheSplit:
    async def test_is_answered_once_the_order_is_placed(self, work: PaymentsAtWork, order_no: str) -> None:
        answer = await work.pre_settle(start(outpatient(order_no)))

        assert answer.split == SPLIT
        assert answer.pay_ord_id == "ORD1"
        assert work.script.asked == ["price_bill", "upload_fees", "place_order"]

    async def test_is_answered_again_without_asking_anyone_again(self, work: PaymentsAtWork, order_no: str) -> None:
        first = await work.pre_settle(start(outpatient(order_no)))
        again = await work.pre_settle(start(outpatient(order_no, pay_auth_no="ANOTHER", uld_latlnt="0,0")))

        assert again == first
        assert work.script.asked == ["price_bill", "upload_fees", "place_order"]

    async def test_another_transaction_with_the_number_is_a_conflict(self, work: PaymentsAtWork, order_no: str) -> None:
        await work.pre_settle(start(outpatient(order_no)))
        other = start(outpatient(order_no, channel=Channel.ALIPAY))
        with pytest.raises(WorkflowUpdateFailedError) as caught:
            await work.environment.client.get_workflow_handle(other.order.workflow_id).execute_update(
                "pre_settle", other.order, id="another-fingerprint"
            )

        assert isinstance(caught.value.cause, ApplicationError)
        assert caught.value.cause.type == "ORDER_CONFLICT"
        assert "CHANNEL" in caught.value.cause.message


class TestRejected:
    async def test_nothing_to_revoke_before_6201(self, work: PaymentsAtWork, order_no: str) -> None:
        work.script.will("price_bill", HIS_REFUSES)

        cause = await refused(work, order_no)

        assert (cause.type, cause.message) == ("HIS_REFUSED", "科室已停诊")
        assert "revoke_order" not in work.script.asked
        assert work.script.recorded[-1].state is PaymentState.REJECTED
        assert await work.result(start(outpatient(order_no))) is PaymentState.REJECTED

    async def test_6202_refused_is_revoked_with_6401(self, work: PaymentsAtWork, order_no: str) -> None:
        work.script.will("place_order", CENTRE_REFUSES)

        cause = await refused(work, order_no)

        assert (cause.type, cause.message) == ("INSURANCE_REFUSED", "预结算金额不匹配")
        assert work.script.asked[-1] == "revoke_order"
        assert await work.state(start(outpatient(order_no))) == "REJECTED"

    async def test_his_away_for_longer_than_the_budget(self, work: PaymentsAtWork, order_no: str) -> None:
        work.script.will("price_bill", HIS_DOWN)

        assert (await refused(work, order_no)).type == "HIS_UNAVAILABLE"

    async def test_his_back_within_the_budget_is_no_rejection(self, work: PaymentsAtWork, order_no: str) -> None:
        order = outpatient(order_no)
        work.script.will("price_bill", HIS_DOWN, HIS_DOWN, HIS_DOWN, bill_of(order))

        assert (await work.pre_settle(start(order))).split == SPLIT

    async def test_an_upload_without_an_answer_is_noted_as_orphaned(self, work: PaymentsAtWork, order_no: str) -> None:
        work.script.will("upload_fees", CENTRE_SILENT)

        assert (await refused(work, order_no)).type == "INSURANCE_UNAVAILABLE"
        assert work.script.recorded[-1].note == "UPLOAD_ORPHANED"

    async def test_an_upload_never_sent_is_no_orphan(self, work: PaymentsAtWork, order_no: str) -> None:
        work.script.will("upload_fees", CENTRE_DOWN)

        assert (await refused(work, order_no)).type == "INSURANCE_UNAVAILABLE"
        assert work.script.recorded[-1].note == ""

    async def test_6202_without_an_answer_is_revoked(self, work: PaymentsAtWork, order_no: str) -> None:
        work.script.will("place_order", CENTRE_SILENT)

        assert (await refused(work, order_no)).type == "INSURANCE_UNAVAILABLE"
        assert work.script.asked[-1] == "revoke_order"


class TestInReview:
    async def test_an_order_that_was_paid_before_it_could_be_revoked(self, work: PaymentsAtWork, order_no: str) -> None:
        work.script.will("place_order", CENTRE_REFUSES)
        work.script.will("revoke_order", Revoked(ord_stas=6))

        assert (await refused(work, order_no)).type == "IN_REVIEW"
        assert await work.attention(start(outpatient(order_no))) == "REVOCATION_REFUSED"

    async def test_a_revocation_that_nobody_answers(self, work: PaymentsAtWork, order_no: str) -> None:
        work.script.will("place_order", CENTRE_REFUSES)
        work.script.will("revoke_order", CENTRE_SILENT)

        assert (await refused(work, order_no, step_s=600)).type == "IN_REVIEW"
        assert await work.attention(start(outpatient(order_no))) == "REVOCATION_UNRESOLVED"


class TestAnUpdateId:
    async def test_is_not_used_up_by_a_refusal(self, work: PaymentsAtWork, order_no: str) -> None:
        """Whoever sends another order under an id, only to be refused, keeps nobody from asking under it."""
        begun = start(outpatient(order_no))
        await work.begin(begun)
        handle, other = work.handle(begun.order.workflow_id), outpatient(order_no, total_fen=Fen(1))

        async def asked(order: Order) -> PreSettleAnswer:
            accepted = WorkflowUpdateStage.ACCEPTED
            sent = await handle.start_update(PaymentWorkflow.pre_settle, order, id="one", wait_for_stage=accepted)
            return await work.answer(sent)

        for _ in range(2):
            assert (await refusal_of(asked(other))).type == "ORDER_CONFLICT"
        assert (await asked(begun.order)).pay_ord_id == "ORD1"
        assert work.script.asked.count("upload_fees") == 1
