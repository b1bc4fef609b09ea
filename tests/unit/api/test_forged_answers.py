"""Somebody answers an update in the workflow's place: its caller is not told so, and the workflow is asked again."""

from temporalio.exceptions import ApplicationError

from api.temporal import ForgedAnswerError, WorkflowRefusal, _update_failure
from domain.errors import ErrorCode, ToldRefusal
from security.crypto.sealed_values import NotSealed, Unread, Why

TOLD = ToldRefusal(code=ErrorCode.HIS_REFUSED, message="停诊", update_id="U1")
SEALED = Unread("ToldRefusal", TOLD.model_dump_json().encode())


def test_a_refusal_counts_if_it_is_sealed_for_that_update() -> None:
    refusal = _update_failure(ApplicationError("停诊", SEALED, type="HIS_REFUSED"), "U1")
    assert isinstance(refusal, WorkflowRefusal)
    assert (refusal.code, refusal.message) == (ErrorCode.HIS_REFUSED, "停诊")


def test_one_that_is_not_sealed_does_not() -> None:
    for details in ((), ("停诊",), (NotSealed(Why.UNSEALED),)):
        error = ApplicationError("停诊", *details, type="HIS_REFUSED")
        assert isinstance(_update_failure(error, "U1"), ForgedAnswerError)


def test_one_of_another_update_does_not() -> None:
    error = ApplicationError("停诊", SEALED, type="HIS_REFUSED")
    assert isinstance(_update_failure(error, "U2"), ForgedAnswerError)


def test_one_of_another_kind_does_not() -> None:
    error = ApplicationError("停诊", Unread("Decision", SEALED.data), type="HIS_REFUSED")
    assert isinstance(_update_failure(error, "U1"), ForgedAnswerError)
