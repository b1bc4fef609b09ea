"""The two interfaces of the official-account backend; queries, cancel and recheck of payments (contract 2.3, 2.4)."""

from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response

from api.access.gate import AnyCaller, PayingCaller, RecheckingCaller, WithdrawingCaller
from api.notices.hints import EXPLAINED
from api.payments.path import order_acted_on, order_looked_at
from api.payments.schemas import (
    ListCall,
    PreSettleCall,
    PreSettleData,
    SettleCall,
    SettleData,
    check_document,
    cursor_of,
)
from api.payments.service import PAGE_ROWS
from api.payments.view import CancelData, PaymentData, PaymentLineData, RecheckData
from api.services import services_of
from api.web import documentation as doc
from api.web.body import check_optional_body, query_fields, read_fields
from api.web.envelope import success
from api.web.trace import trace_of
from domain.errors import ErrorCode

router = APIRouter(prefix="/api/v1")

NEXT_CURSOR_HEADER: Final = "X-Next-Cursor"
_UNKNOWN_ORDER = {ErrorCode.UNKNOWN_ORDER: "没有这个医院订单号(medOrgOrd)的订单"}
_PRE_SETTLE = "核价、上传费用明细(6201)、预结算(6202), 返回费用拆分。不发生扣款。"
_PRE_SETTLE_FAILURES = {
    ErrorCode.MISSING_FIELD: "患者ID(PATIENT_ID)不能为空",
    ErrorCode.TOTAL_MISMATCH: "总金额(TOTAL)与医院费用合计不符: 下单128.51元, 医院128.50元",
    ErrorCode.ORDER_CONFLICT: "医院订单号(medOrgOrd)已用于另一笔交易: 总金额(TOTAL)不一致",
}
_REGISTRATION = {
    "CATEGORY": "1",
    "CLINIC_ID": "200001",
    "ORDER_ID": "",
    "VISIT_ID": "",
    "TOTAL": "25.00",
    "medOrgOrd": "REG20250101000001",
}
_SETTLE = "患者付款后调用: 向医保中心查询结算结果(6301), 写入医院结算记录。未付款时返回NOT_PAID, 请稍后再调用。"
_SETTLE_FAILURES = {
    ErrorCode.NOT_PAID: "该订单尚未支付",
    ErrorCode.REVERSED: "医院未能入账, 医保和现金部分均已退回",
    **_UNKNOWN_ORDER,
}
_LIST = (
    f"本医院的支付, 按受理时间从新到旧, 每页{PAGE_ROWS}笔; 没有个人信息。DATA是数组。"
    f"还有下一页时, 响应头`{NEXT_CURSOR_HEADER}`给出它的cursor。"
)
_LIST_FAILURES = {ErrorCode.INVALID_FIELD: "支付状态(state)只能是RECEIVED、PRICED、FEE_UPLOADED…"}
_NEXT_CURSOR = {NEXT_CURSOR_HEADER: "下一页的cursor; 没有下一页时不出现"}
_LOOK = "状态、金额、期限和经过; 个人信息脱敏。时间为ISO 8601。"
_CANCEL = (
    "付款前撤回: 先查询(6301), 未付款则撤销医保订单(6401)。重复取消得到同一个结果。已付款时返回BILL_ALREADY_PAID; "
    "患者正在支付或医保中心未答复时返回PROCESSING, 取消的意愿保留。请求体可为空。角色: caller, operator。"
)
_CANCEL_FAILURES = {
    ErrorCode.BILL_ALREADY_PAID: "医院订单号(medOrgOrd)对应的订单已付款, 不能取消",
    ErrorCode.EXPIRED: "超过付款时限未支付, 订单已关闭, 请重新下单",
    **_UNKNOWN_ORDER,
}
_RECHECK = (
    "怀疑订单已付款时使用, 与医保中心的通知(6302)走同一条路: 由支付流程查询6301, 以查询结果为准。"
    "已关闭未付款的订单会重新打开, 如已到账则转人工核查, 否则状态不变。结果请查询该笔支付。请求体可为空。"
    "角色: operator, approver。"
)


@router.post(
    "/insurance/pre-settle",
    tags=["医保支付"],
    summary="医保支付下单",
    description=doc.described(_PRE_SETTLE, PreSettleCall, PreSettleData),
    openapi_extra=doc.request_body(PreSettleCall, _REGISTRATION),
    responses=doc.answers(PreSettleData, _PRE_SETTLE_FAILURES),
)
async def pre_settle(request: Request, caller: PayingCaller) -> Response:
    services, call = services_of(request), PreSettleCall.read(await read_fields(request))
    trace_of(request.scope).med_org_ord = call.med_org_ord
    check_document(call.id_no, caller.hospital.centre.id_types)
    answer = await services.payments.pre_settle(call.order(caller.hospital.id), services.terms(caller.hospital))
    return success(PreSettleData.of(answer).data())


@router.post(
    "/insurance/settle",
    tags=["医保支付"],
    summary="医保支付结果回写",
    description=doc.described(_SETTLE, SettleCall, SettleData),
    openapi_extra=doc.request_body(SettleCall, {"VISIT_ID": "", "medOrgOrd": "REG20250101000001"}),
    responses=doc.answers(SettleData, _SETTLE_FAILURES),
)
async def settle(request: Request, caller: PayingCaller) -> Response:
    services, call = services_of(request), SettleCall.read(await read_fields(request))
    trace_of(request.scope).med_org_ord = call.med_org_ord
    answer = await services.payments.settle(call.request(caller.hospital.id), services.terms(caller.hospital))
    return success(SettleData.of(answer, datetime.now(UTC)).data())


@router.get(
    "/payments",
    tags=["查询"],
    summary="支付列表",
    description=doc.answering(_LIST, PaymentLineData, "返回DATA中的每一笔"),
    openapi_extra=doc.query(ListCall),
    responses=doc.listed(PaymentLineData, _LIST_FAILURES, _NEXT_CURSOR),
)
async def payment_page(request: Request, caller: AnyCaller) -> Response:
    call = ListCall.read(query_fields(request))
    lines, following = await services_of(request).payments.page(call.query(caller.hospital.id), call.place())
    answer = success([PaymentLineData.of(line).data() for line in lines])
    if following is not None:
        answer.headers[NEXT_CURSOR_HEADER] = cursor_of(following)
    return answer


@router.get(
    "/payments/{medOrgOrd}",
    tags=["查询"],
    summary="查询一笔支付",
    description=doc.answering(_LOOK, PaymentData),
    responses=doc.looked_up(PaymentData, ErrorCode.UNKNOWN_ORDER),
)
async def payment(request: Request, caller: AnyCaller, number: Annotated[str, Depends(order_looked_at)]) -> Response:
    key = caller.payment(number)
    found = await services_of(request).payments.look(key)
    return success((PaymentData.received(key) if found is None else PaymentData.of(*found)).data())


@router.post(
    "/payments/{medOrgOrd}/cancel",
    tags=["支付操作"],
    summary="取消一笔未付款的支付",
    description=doc.answering(_CANCEL, CancelData),
    openapi_extra=doc.optional_body(),
    responses=doc.answers(CancelData, _CANCEL_FAILURES),
)
async def cancel(
    request: Request, caller: WithdrawingCaller, number: Annotated[str, Depends(order_acted_on)]
) -> Response:
    await check_optional_body(request)
    services = services_of(request)
    state = await services.payments.cancel(caller.payment(number), caller.key_name, services.terms(caller.hospital))
    return success(CancelData(med_org_ord=number, state=state.value).data())


@router.post(
    "/payments/{medOrgOrd}/recheck",
    tags=["支付操作"],
    summary="要求核实是否到账",
    description=doc.answering(_RECHECK, RecheckData),
    openapi_extra=doc.optional_body(),
    responses=doc.answers(RecheckData, _UNKNOWN_ORDER),
)
async def recheck(
    request: Request, caller: RecheckingCaller, number: Annotated[str, Depends(order_acted_on)]
) -> Response:
    await check_optional_body(request)
    services = services_of(request)
    followed = await services.hints.follow(caller.payment(number), services.terms(caller.hospital))
    return success(RecheckData(med_org_ord=number, followed=followed.value, message=EXPLAINED[followed]).data())
