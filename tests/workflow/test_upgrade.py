"""A worker that is older than the API: payloads only gain fields, and it passes over those that it does not know."""

from typing import Any

from pydantic import create_model
from temporalio.client import WorkflowUpdateStage

from domain.orders import PaymentStart
from tests.support.scripted.payments import PaymentsAtWork
from tests.support.values.orders import outpatient, start
from workflows.payment.workflow import PaymentWorkflow


async def test_a_term_of_a_later_release_is_passed_over(work: PaymentsAtWork, order_no: str) -> None:
    begun = start(outpatient(order_no))
    fields = begun.model_dump(mode="json")
    fields["terms"]["a_term_of_a_later_release"] = 1
    definitions: dict[str, Any] = {name: (Any, value) for name, value in fields.items()}
    later = create_model(PaymentStart.__name__, **definitions)()
    workflow_id = begun.order.workflow_id
    work.begun.append(workflow_id)

    await work.environment.client.start_workflow("PaymentWorkflow", later, id=workflow_id, task_queue=work.task_queue)
    update = await work.handle(workflow_id).start_update(
        PaymentWorkflow.pre_settle, begun.order, wait_for_stage=WorkflowUpdateStage.ACCEPTED
    )

    assert (await work.answer(update)).med_org_ord == order_no


def test_it_is_not_kept() -> None:
    begun = start(outpatient("M1"))
    assert PaymentStart.model_validate(begun.model_dump(mode="json") | {"new": 1}) == begun
