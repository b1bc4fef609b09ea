"""The review queue: payments and refunds that people must decide, in pairs wherever money moves (product rule 15)."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from api.access.gate import ApprovingCaller, ProposingCaller, ReviewingCaller
from api.payments.path import order_looked_at
from api.payments.schemas import PROPOSAL_ID
from api.reviews.schemas import (
    ApprovalCall,
    CaseCall,
    CaseData,
    CaseLookData,
    DecisionData,
    PageCall,
    PageData,
    ProposalCall,
)
from api.services import services_of
from api.web import documentation as doc
from api.web.body import query_fields, read_fields
from api.web.envelope import success
from api.web.trace import trace_of
from domain.errors import ErrorCode

router = APIRouter(prefix="/api/v1/reviews", tags=["人工核查"])

_PAGE = "本医院未结束的核查, 先来的在前。角色: operator, approver, auditor。"
_LOOK = (
    "原因、金额、期限, 医保中心和医院信息系统现在的答复, 现在安全的操作, 和经过。角色: operator, approver, auditor。"
)
_PROPOSE = (
    "重新查询双方后, 安全的操作等待另一人复核, 返回提议编号(proposal); ASK_AGAIN立即执行。"
    "不安全的操作返回ACTION_REFUSED和原因。同一人同样的提议重复提交得到同一个编号; 其他提议取代之前的提议。"
    "角色: operator, approver。"
)
_APPROVE = (
    "由提议人以外的人复核所指明的提议(proposal): 再次查询双方, 仍安全即执行。提议已被取代时返回ACTION_REFUSED, "
    "不能复核自己的提议(FORBIDDEN)。操作人的退款也在这里复核, 须填refundNo。角色: approver。"
)
_REFUSALS = {
    ErrorCode.ACTION_REFUSED: "医院已入账, 不能冲正, 请走退费",
    ErrorCode.MISSING_FIELD: "理由(reason)不能为空",
}
_UNKNOWN: doc.Answers = {404: doc.failure_answer(ErrorCode.UNKNOWN_ORDER)}
_DONE = {"state": "REVERSED", "message": "已全额冲正退回128.50元", "waiting": "false", "proposal": PROPOSAL_ID}


@router.get(
    "",
    summary="人工核查列表",
    description=doc.answering(_PAGE, PageData),
    openapi_extra=doc.query(PageCall),
    responses=doc.looked_up(PageData, ErrorCode.FORBIDDEN),
)
async def page(request: Request, caller: ReviewingCaller) -> Response:
    call = PageCall.read(query_fields(request))
    cases, following = await services_of(request).reviews.page(caller.hospital.id, int(call.cursor or 0))
    now = datetime.now(UTC)
    lines = [CaseData.of(case, now) for case in cases]
    return success(PageData(cases=lines, next_cursor="" if following is None else str(following)).data())


@router.get(
    "/{medOrgOrd}",
    summary="查询一个核查",
    description=doc.answering(_LOOK, CaseLookData),
    openapi_extra=doc.query(CaseCall),
    responses=doc.looked_up(CaseLookData, ErrorCode.FORBIDDEN, ErrorCode.UNKNOWN_ORDER),
)
async def show(request: Request, caller: ReviewingCaller, number: Annotated[str, Depends(order_looked_at)]) -> Response:
    call = CaseCall.read(query_fields(request))
    look = await services_of(request).reviews.look(caller.payment(number), call.refund_no or "")
    return success(CaseLookData.of_look(look, datetime.now(UTC)).data())


@router.post(
    "/{medOrgOrd}/proposals",
    summary="提议一个核查操作",
    description=doc.described(_PROPOSE, ProposalCall, DecisionData),
    openapi_extra=doc.plain_body(ProposalCall),
    responses={**doc.answers(DecisionData, _REFUSALS), **_UNKNOWN},
)
async def propose(
    request: Request, caller: ProposingCaller, number: Annotated[str, Depends(order_looked_at)]
) -> Response:
    call = ProposalCall.read(await read_fields(request))
    key, wish = caller.payment(number), call.wish(caller.key_name)
    decided = await services_of(request).reviews.propose(key, call.refund_no or "", wish)
    trace_of(request.scope).proposal = decided.decision.proposal
    return success(DecisionData.of(decided.decision, decided.patient).data())


@router.post(
    "/{medOrgOrd}/approvals",
    summary="复核一个核查操作",
    description=doc.described(_APPROVE, ApprovalCall, DecisionData),
    openapi_extra=doc.plain_body(ApprovalCall),
    responses={**doc.answers(DecisionData, _REFUSALS, _DONE), **_UNKNOWN},
)
async def approve(
    request: Request, caller: ApprovingCaller, number: Annotated[str, Depends(order_looked_at)]
) -> Response:
    call = ApprovalCall.read(await read_fields(request))
    trace_of(request.scope).proposal = call.proposal
    key, wish = caller.payment(number), call.wish(caller.key_name)
    decided = await services_of(request).reviews.approve(key, call.refund_no or "", wish)
    return success(DecisionData.of(decided.decision, decided.patient).data())
