"""Refunds of a settled payment (contract 2.4)."""

from http import HTTPStatus

import structlog
from fastapi import APIRouter, Request, Response

from api.access.gate import AnyCaller, RefundingCaller
from api.payments.order_fields import MED_ORG_ORD
from api.payments.terms import payment_terms
from api.refunds import schemas as refund_schema
from api.refunds.schemas import REFUND_NO
from api.refunds.view import REFUND_DATA
from api.services import services_of
from api.web import documentation as doc
from api.web.body import read_fields
from api.web.envelope import success
from api.web.errors import ApiError
from api.web.fields import Field, unknown_names
from api.web.trace import trace_of
from domain.base import PaymentKey
from domain.errors import ErrorCode, PaymentError

logger = structlog.get_logger(__name__)

router = APIRouter(prefix="/api/v1/payments", tags=["退费"])

_SAMPLE = {
    "refundNo": "RFD20250101000001",
    "medOrgOrd": "ORD20250101000001",
    "state": "PARTIALLY_REFUNDED",
    "refdType": "CASH",
    "totlRefdAmt": "10.00",
    "cashRefdAmt": "10.00",
    "psnAcctRefdAmt": "0.00",
    "fundRefdAmt": "0.00",
    "refdSn": "RF2025010100000001",
    "errorCode": "",
    "errorMessage": "",
}
_PURPOSE = """\
已结算的订单退费(6203)。退款单号(refundNo)是幂等键: 同一退款单号、\
同样类型和金额的重复调用得到同一个结果, 不会重复退款。\
收到202时按Retry-After用同样的内容再调用, 或用退款查询接口查看。同一订单的退款逐笔进行, 各部分累计不超过原支付金额。\
被拒绝或未办成(REFUND_FAILED)的退款如需再退, 请换新的退款单号。"""


def _parameter(field: Field) -> dict[str, object]:
    """Described by hand: FastAPI would promise a 422 of its own form for a parameter that it knows."""
    schema = {"type": "string"}
    return {"name": field.name, "in": "path", "required": True, "description": field.label, "schema": schema}


@router.post(
    "/{medOrgOrd}/refunds",  # noqa: FAST003 - see `_parameter`
    summary="退费",
    description=doc.described(_PURPOSE, refund_schema.TABLE, REFUND_DATA),
    openapi_extra={
        "parameters": [_parameter(MED_ORG_ORD)],
        **doc.request_body(refund_schema.TABLE, ("all", "全部退款"), type="ALL", amount=""),
    },
    responses=doc.answers(
        REFUND_DATA,
        _SAMPLE,
        {
            ErrorCode.NOT_REFUNDABLE: "该订单已全部退款",
            ErrorCode.REFUND_EXCEEDS_PAID: "退款金额(amount)超过可退的现金15.70元",
            ErrorCode.REFUND_CONFLICT: "退款单号(refundNo)已用于另一笔退款: 退款金额(amount)不一致",
            ErrorCode.IN_REVIEW: "退费结果未知, 已转人工核查",
        },
    ),
)
async def refund(request: Request, caller: RefundingCaller) -> Response:
    services = services_of(request)
    fields = await read_fields(request)
    if unknown := unknown_names(fields, refund_schema.TABLE):
        logger.info("unknown_fields", names=unknown)
    key = _key(request, caller.hospital.id, status=HTTPStatus.OK)
    order = refund_schema.read_refund_order(fields, key, caller.key_name)
    return success(await services.refunds.refund(order, payment_terms(services.settings, caller.hospital)))


@router.get(
    "/{medOrgOrd}/refunds/{refundNo}",  # noqa: FAST003 - see `_parameter`
    summary="查询一笔退款",
    description=f"退款的状态和金额。\n\n### 返回DATA\n\n{doc.data_table(REFUND_DATA)}",
    openapi_extra={"parameters": [_parameter(MED_ORG_ORD), _parameter(REFUND_NO)]},
    responses={
        **{
            status: answer
            for status, answer in doc.answers(REFUND_DATA, _SAMPLE, {}).items()
            if status in {200, 401, 429, 503}
        },
        404: doc.failure_answer(ErrorCode.UNKNOWN_ORDER),
    },
)
async def one_refund(request: Request, caller: AnyCaller) -> Response:
    key = _key(request, caller.hospital.id, status=HTTPStatus.NOT_FOUND)
    try:
        refund_no = REFUND_NO.demand({REFUND_NO.name: request.path_params[REFUND_NO.name]})
    except PaymentError:
        raise _unknown(REFUND_NO, HTTPStatus.NOT_FOUND) from None
    try:
        return success(await services_of(request).refunds.look(key, refund_no))
    except PaymentError as error:
        if error.code is not ErrorCode.UNKNOWN_ORDER:
            raise
        raise ApiError(error.code, error.message, status=HTTPStatus.NOT_FOUND) from None


def _key(request: Request, hospital: str, status: HTTPStatus) -> PaymentKey:
    """What can't be a medOrgOrd is nobody's."""
    try:
        med_org_ord = MED_ORG_ORD.demand({MED_ORG_ORD.name: request.path_params[MED_ORG_ORD.name]})
    except PaymentError:
        raise _unknown(MED_ORG_ORD, status) from None
    trace_of(request.scope).med_org_ord = med_org_ord
    return PaymentKey(hospital=hospital, med_org_ord=med_org_ord)


def _unknown(field: Field, status: HTTPStatus) -> PaymentError:
    return ApiError(ErrorCode.UNKNOWN_ORDER, f"没有这个{field.title}", status=status)
