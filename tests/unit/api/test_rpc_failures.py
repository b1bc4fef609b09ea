"""What each failure of a call to Temporal is told as."""

import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from temporalio.api.common.v1 import GrpcStatus
from temporalio.api.errordetails.v1 import NamespaceNotFoundFailure, NotFoundFailure
from temporalio.service import RPCError, RPCStatusCode

from api.temporal import RETRY_AFTER_LIMIT_S, WorkflowClosedError, _rpc_failure
from api.web.errors import STATUS, headers_of
from domain.errors import ErrorCode, PaymentError

S, C = RPCStatusCode, ErrorCode


def failed(status: RPCStatusCode, message: str, *details: Message) -> RPCError:
    packed = []
    for detail in details:
        packed.append(AnyMessage())
        packed[-1].Pack(detail)
    return RPCError(message, status, GrpcStatus(code=status, message=message, details=packed).SerializeToString())


@pytest.mark.parametrize(
    ("status", "message", "code", "words"),
    [
        (S.UNAVAILABLE, "connection refused", C.UNAVAILABLE, "支付服务暂不可用"),
        (S.CANCELLED, "Timeout expired", C.UNAVAILABLE, "支付服务暂不可用"),
        (S.DEADLINE_EXCEEDED, "", C.UNAVAILABLE, "支付服务暂不可用"),
        (S.PERMISSION_DENIED, "", C.UNAVAILABLE, "支付服务暂不可用"),
        (S.RESOURCE_EXHAUSTED, "namespace rate limit exceeded", C.RATE_LIMITED, "支付服务繁忙"),
        (
            S.RESOURCE_EXHAUSTED,
            "limit on number of concurrent in-flight updates has been reached (10)",
            C.RATE_LIMITED,
            "该订单的请求过多",
        ),
        (
            S.FAILED_PRECONDITION,
            "The limit on the total number of distinct updates in this workflow has been reached (2000).",
            C.RATE_LIMITED,
            "调用次数已达上限",
        ),
        (S.FAILED_PRECONDITION, "Unable to perform workflow execution update", C.PROCESSING, "处理中"),
    ],
)
def test_is_told_by_code_and_words(status: RPCStatusCode, message: str, code: ErrorCode, words: str) -> None:
    told = _rpc_failure(failed(status, message))
    assert isinstance(told, PaymentError)
    assert (told.code, words in told.message) == (code, True)
    assert STATUS[code] in {202, 429, 503}
    assert int(headers_of(told)["Retry-After"]) > 0


def test_a_used_up_payment_is_not_to_be_called_soon() -> None:
    told = _rpc_failure(failed(S.FAILED_PRECONDITION, "total number of distinct updates"))
    assert isinstance(told, PaymentError)
    assert headers_of(told) == {"Retry-After": str(RETRY_AFTER_LIMIT_S)}


@pytest.mark.parametrize(
    ("detail", "closed"), [(NotFoundFailure(), True), (NamespaceNotFoundFailure(namespace="elsewhere"), False)]
)
def test_a_missing_namespace_is_not_a_missing_workflow(detail: Message, *, closed: bool) -> None:
    assert isinstance(_rpc_failure(failed(S.NOT_FOUND, "not found", detail)), WorkflowClosedError) is closed
