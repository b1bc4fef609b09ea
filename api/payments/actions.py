"""What is asked of a payment under way: to withdraw it, or to look again whether it was paid (contract 2.4)."""

from fastapi import APIRouter, Request, Response

from api.access.gate import Caller, RecheckingCaller, WithdrawingCaller
from api.notices.hints import EXPLAINED
from api.payments.looking import PARAMETER
from api.payments.order_fields import MED_ORG_ORD
from api.payments.terms import payment_terms
from api.services import services_of
from api.web import documentation as doc
from api.web.body import check_optional_body
from api.web.envelope import success
from api.web.trace import trace_of
from domain.base import PaymentKey
from domain.errors import ErrorCode, PaymentError

router = APIRouter(prefix="/api/v1/payments", tags=["支付操作"])

CANCEL_DATA = {"medOrgOrd": "医院订单号", "state": "支付状态: CANCELLED"}
RECHECK_DATA = {
    "medOrgOrd": "医院订单号",
    "followed": "如何处理: ASKED 由支付流程查询, UNDER_REVIEW 正在人工核查, REOPENED 重新打开并查询, "
    "NOT_NEEDED 已付款或已冲正, NOTHING_TO_ASK 没有医保订单可查, BROKEN_OFF 处理被中断",
    "message": "处理说明",
}
_NUMBER = "ORD20250101000001"
_UNKNOWN = "没有这个医院订单号(medOrgOrd)的订单"
_OPTIONAL_BODY = {
    "requestBody": {"required": False, "content": {"application/json": {"schema": {"type": "object"}, "example": {}}}}
}


@router.post(
    "/{medOrgOrd}/cancel",  # noqa: FAST003 - see `PARAMETER`
    summary="取消一笔未付款的支付",
    description=(
        "付款前撤回: 先查询(6301), 未付款则撤销医保订单(6401)。重复取消得到同一个结果。已付款时返回BILL_ALREADY_PAID; "
        "患者正在支付或医保中心未答复时返回PROCESSING, 取消的意愿保留。请求体可为空。角色: caller, operator。"
        f"\n\n### 返回DATA\n\n{doc.data_table(CANCEL_DATA)}"
    ),
    openapi_extra={"parameters": [PARAMETER], **_OPTIONAL_BODY},
    responses=doc.answers(
        CANCEL_DATA,
        {"medOrgOrd": _NUMBER, "state": "CANCELLED"},
        {
            ErrorCode.BILL_ALREADY_PAID: "医院订单号(medOrgOrd)对应的订单已付款, 不能取消",
            ErrorCode.EXPIRED: "超过付款时限未支付, 订单已关闭, 请重新下单",
            ErrorCode.UNKNOWN_ORDER: _UNKNOWN,
        },
    ),
)
async def cancel(request: Request, caller: WithdrawingCaller) -> Response:
    await check_optional_body(request)
    key = _key(request, caller)
    services = services_of(request)
    state = await services.payments.cancel(key, caller.key_name, payment_terms(services.settings, caller.hospital))
    return success({"medOrgOrd": key.med_org_ord, "state": state.value})


@router.post(
    "/{medOrgOrd}/recheck",  # noqa: FAST003 - see `PARAMETER`
    summary="要求核实是否到账",
    description=(
        "怀疑订单已付款时使用, 与医保中心的通知(6302)走同一条路: 由支付流程查询6301, 以查询结果为准。"
        "已关闭未付款的订单会重新打开, 如已到账则转人工核查, 否则状态不变。结果请查询该笔支付。请求体可为空。"
        f"角色: operator, approver。\n\n### 返回DATA\n\n{doc.data_table(RECHECK_DATA)}"
    ),
    openapi_extra={"parameters": [PARAMETER], **_OPTIONAL_BODY},
    responses=doc.answers(
        RECHECK_DATA,
        {"medOrgOrd": _NUMBER, "followed": "REOPENED", "message": "订单已关闭未付款, 重新向医保中心核实(6301)"},
        {ErrorCode.UNKNOWN_ORDER: _UNKNOWN},
    ),
)
async def recheck(request: Request, caller: RecheckingCaller) -> Response:
    await check_optional_body(request)
    services, key = services_of(request), _key(request, caller)
    followed = await services.hints.follow(key, payment_terms(services.settings, caller.hospital))
    return success({"medOrgOrd": key.med_org_ord, "followed": followed.value, "message": EXPLAINED[followed]})


def _key(request: Request, caller: Caller) -> PaymentKey:
    """Raises `PaymentError` UNKNOWN_ORDER: what can't be a medOrgOrd is nobody's."""
    try:
        med_org_ord = MED_ORG_ORD.demand({MED_ORG_ORD.name: request.path_params[MED_ORG_ORD.name]})
    except PaymentError:
        raise PaymentError(ErrorCode.UNKNOWN_ORDER, f"没有这个{MED_ORG_ORD.title}的订单") from None
    trace_of(request.scope).med_org_ord = med_org_ord
    return PaymentKey(hospital=caller.hospital.id, med_org_ord=med_org_ord)
