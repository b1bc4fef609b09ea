"""Looking at payments (contract 2.4)."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from api.access.gate import AnyCaller
from api.payments.order_fields import MED_ORG_ORD
from api.payments.view import VIEW, payment_view, received_view
from api.services import services_of
from api.web import documentation as doc
from api.web.envelope import success
from api.web.errors import ApiError
from api.web.trace import trace_of
from domain.base import PaymentKey
from domain.errors import ErrorCode, PaymentError

router = APIRouter(prefix="/api/v1/payments", tags=["查询"])

PARAMETER = {
    "name": MED_ORG_ORD.name,
    "in": "path",
    "required": True,
    "description": MED_ORG_ORD.label,
    "schema": {"type": "string"},
}
"""Described by hand: FastAPI would promise a 422 of its own form for a parameter that it knows."""

_SAMPLE = {
    "medOrgOrd": "ORD20250101000001",
    "state": "PRE_SETTLED",
    "ID_NO": "1101**********0134",
    "amounts": {"TOTAL": "128.50", "ownPayAmt": "25.70", "psnAcctPay": "25.70", "fundPay": "77.10"},
    "deadlines": {"paymentWindowEndsAt": "2025-01-01T02:50:30.000+00:00", "reversalDeadline": ""},
    "timeline": [{"at": "2025-01-01T02:20:30.000+00:00", "kind": "state", "name": "PRE_SETTLED"}],
}


@router.get(
    "/{medOrgOrd}",  # noqa: FAST003 - see `PARAMETER`
    summary="查询一笔支付",
    description=f"状态、金额、期限和经过; 个人信息脱敏。时间为ISO 8601。\n\n### 返回DATA\n\n{doc.data_table(VIEW)}",
    openapi_extra={"parameters": [PARAMETER]},
    responses={
        **{
            status: answer
            for status, answer in doc.answers(VIEW, _SAMPLE, {}).items()
            if status in {200, 401, 429, 503}
        },
        404: doc.failure_answer(ErrorCode.UNKNOWN_ORDER),
    },
)
async def payment(request: Request, caller: AnyCaller) -> Response:
    key = PaymentKey(hospital=caller.hospital.id, med_org_ord=med_org_ord(request))
    trace_of(request.scope).med_org_ord = key.med_org_ord
    try:
        found = await services_of(request).payments.look(key)
    except PaymentError as error:
        if error.code is not ErrorCode.UNKNOWN_ORDER:
            raise
        raise ApiError(error.code, error.message, status=HTTPStatus.NOT_FOUND) from None
    return success(received_view(key) if found is None else payment_view(*found))


def med_org_ord(request: Request) -> str:
    """What can't be a medOrgOrd is nobody's."""
    try:
        return MED_ORG_ORD.demand({MED_ORG_ORD.name: request.path_params[MED_ORG_ORD.name]})
    except PaymentError:
        message = f"没有这个{MED_ORG_ORD.title}的订单"
        raise ApiError(ErrorCode.UNKNOWN_ORDER, message, status=HTTPStatus.NOT_FOUND) from None
