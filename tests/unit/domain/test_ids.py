import pytest

from domain.base import PaymentKey
from domain.ids import hospital_of, is_about, payment_workflow_id, refund_workflow_id
from domain.notifications import NotificationEvent, Notify

KEY = PaymentKey(hospital="east_1", med_org_ord="A-1")
NOTIFY = Notify(**KEY.model_dump(), notification_id=7, run=2, event=next(iter(NotificationEvent)))
OURS = [payment_workflow_id("east_1", "A-1"), refund_workflow_id(KEY, "R-1"), NOTIFY.webhook_id, NOTIFY.workflow_id]


@pytest.mark.parametrize("workflow_id", OURS)
def test_ours_say_whose_they_are_and_what_about(workflow_id: str) -> None:
    assert hospital_of(workflow_id) == "east_1"
    assert is_about(workflow_id, "A-1")
    assert not is_about(workflow_id, "1")


@pytest.mark.parametrize("workflow_id", OURS[:2])
def test_a_payment_s_and_a_refund_s_are_about_no_other_number(workflow_id: str) -> None:
    assert not is_about(workflow_id, "A")


@pytest.mark.parametrize(
    "workflow_id", ["", "payment-east", "payment-EAST-1", "batch-east-1", "payment--1", "x payment-a-1"]
)
def test_others_say_nothing(workflow_id: str) -> None:
    assert hospital_of(workflow_id) is None
    assert not is_about(workflow_id, "1")
