"""Refunds of a settled payment (contract 2.4)."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from api.access.gate import AnyCaller, RefundingCaller
from api.payments.path import order_acted_on, order_looked_at, refund_looked_at
from api.refunds.schemas import ProposedRefundData, RefundCall, RefundData
from api.services import services_of
from api.web import documentation as doc
from api.web.body import read_fields
from api.web.envelope import success
from api.web.trace import trace_of
from domain.errors import ErrorCode
from domain.reviews import Decision
from domain.states import RefundState
from hospitals import Role

router = APIRouter(prefix="/api/v1/payments", tags=["退费"])

_REFUND = """\
已结算的订单退费(6203)。退款单号(refundNo)是幂等键: 同一退款单号、\
同样类型和金额的重复调用得到同一个结果, 不会重复退款。\
收到202时按Retry-After用同样的内容再调用, 或用退款查询接口查看。同一订单的退款逐笔进行, 各部分累计不超过原支付金额。\
被拒绝或未办成(REFUND_FAILED)的退款如需再退, 请换新的退款单号。

operator角色的退款须两人办理: 本调用只是提议, 返回202和提议编号(proposal), 不调用医保中心; \
由另一人(approver)在`POST /api/v1/reviews/{medOrgOrd}/approvals`用该编号和refundNo复核后才退费, \
10分钟内未复核则失效(EXPIRED)。"""
_PROPOSED = {"state": "PROPOSED"} | dict.fromkeys(
    ("refdType", "totlRefdAmt", "cashRefdAmt", "psnAcctRefdAmt", "fundRefdAmt", "refdSn"), ""
)
_REFUND_FAILURES = {
    ErrorCode.NOT_REFUNDABLE: "该订单已全部退款",
    ErrorCode.REFUND_EXCEEDS_PAID: "退款金额(amount)超过可退的现金15.70元",
    ErrorCode.REFUND_CONFLICT: "退款单号(refundNo)已用于另一笔退款: 退款金额(amount)不一致",
    ErrorCode.IN_REVIEW: "退费结果未知, 已转人工核查",
}


@router.post(
    "/{medOrgOrd}/refunds",
    summary="退费",
    description=doc.described(_REFUND, RefundCall, RefundData),
    openapi_extra=doc.request_body(RefundCall, {"type": "ALL", "amount": ""}, ("all", "全部退款")),
    responses=doc.with_success(
        doc.answers(RefundData, _REFUND_FAILURES), HTTPStatus.ACCEPTED, ProposedRefundData, _PROPOSED
    ),
)
async def refund(
    request: Request, caller: RefundingCaller, number: Annotated[str, Depends(order_acted_on)]
) -> Response:
    services, call = services_of(request), RefundCall.read(await read_fields(request))
    order = call.order(caller.payment(number), caller.key_name)
    terms = services.terms(caller.hospital)
    if caller.role is not Role.OPERATOR:
        return success(RefundData.of(await services.refunds.refund(order, terms)).data())
    answer = await services.refunds.propose(order, terms)
    if not isinstance(answer, Decision):
        return success(RefundData.of(answer).data())
    trace_of(request.scope).proposal = answer.proposal
    return success(ProposedRefundData.of_proposal(order, answer).data(), HTTPStatus.ACCEPTED)


@router.get(
    "/{medOrgOrd}/refunds/{refundNo}",
    summary="查询一笔退款",
    description=doc.answering("退款的状态和金额。", RefundData),
    responses=doc.looked_up(RefundData, ErrorCode.UNKNOWN_ORDER),
)
async def one_refund(
    request: Request,
    caller: AnyCaller,
    number: Annotated[str, Depends(order_looked_at)],
    refund_no: Annotated[str, Depends(refund_looked_at)],
) -> Response:
    key = caller.payment(number)
    found = await services_of(request).refunds.look(key, refund_no)
    shown = RefundData.begun(key, refund_no, found) if isinstance(found, RefundState) else RefundData.of(found)
    return success(shown.data())
