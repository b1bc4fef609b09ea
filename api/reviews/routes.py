"""The review queue: payments and refunds that people must decide, in pairs where money moves (product rule 15)."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response

from api.access.gate import ApprovingCaller, Caller, ProposingCaller, ReviewingCaller
from api.payments.looking import PARAMETER, med_org_ord
from api.reviews import schemas as schema
from api.reviews.view import DECISION, LOOK, PAGE, case_view, decision_view, look_view
from api.services import services_of
from api.web import documentation as doc
from api.web.body import read_fields
from api.web.envelope import success
from api.web.fields import Field
from api.web.trace import trace_of
from domain.base import PaymentKey
from domain.errors import ErrorCode

router = APIRouter(prefix="/api/v1/reviews", tags=["人工核查"])

CURSOR = Field(
    "cursor", "分页位置", "", required="否", rule="上一页返回的nextCursor", pattern="[0-9]{1,18}", chars_max=18
)

_SAMPLE_CASE = {
    "medOrgOrd": "ORD20250101000001",
    "refundNo": "",
    "reason": "AMOUNT_INCONSISTENT",
    "message": "医保结算金额与预结算不一致, 已转人工核查",
    "atRiskFen": "12850",
    "openedAt": "2025-01-01T02:25:30.000+00:00",
    "ageS": "95",
    "deadline": "2025-01-01T03:20:30.000+00:00",
    "closedAt": "",
    "outcome": "",
    "workflowId": "payment-main-ORD20250101000001",
}
_SAMPLE_LOOK = {
    **_SAMPLE_CASE,
    "state": "IN_REVIEW",
    "centre": {"ordStas": "6", "sameAsPreSettled": "false", "addsUpToTotal": "true", "wentBack": "false"},
    "his": {"settlementNo": "", "VISIT_ID": "V1"},
    "reversibleUntil": "2025-01-01T03:20:30.000+00:00",
    "safe": ["ASK_AGAIN", "BOOK", "REVERSE"],
    "refused": {"ACCEPT": "医院未入账, 不能认定为已结算"},
    "proposed": {},
    "unasked": "",
    "events": [],
}
_REFUSALS = {
    ErrorCode.ACTION_REFUSED: "医院已入账, 不能冲正, 请走退费",
    ErrorCode.MISSING_FIELD: "理由(reason)不能为空",
}
_WAITING = {"state": "IN_REVIEW", "message": "已提议, 待另一人复核", "waiting": "true"}
_DONE = {"state": "REVERSED", "message": "已全额冲正退回128.50元", "waiting": "false"}
_UNKNOWN: doc.Answers = {404: doc.failure_answer(ErrorCode.UNKNOWN_ORDER)}


def _query(field: Field) -> dict[str, Any]:
    return {
        "name": field.name,
        "in": "query",
        "required": False,
        "description": f"{field.label}: {field.rule}",
        "schema": {"type": "string"},
    }


def _readable(data: doc.Data, sample: dict[str, Any]) -> doc.Answers:
    kept = {200, 401, 403, 429, 503}
    return {status: answer for status, answer in doc.answers(data, sample, {}).items() if status in kept}


@router.get(
    "",
    summary="人工核查列表",
    description=(
        f"本医院未结束的核查, 先来的在前。角色: operator, approver, auditor。\n\n### 返回DATA\n\n{doc.data_table(PAGE)}"
    ),
    openapi_extra={"parameters": [_query(CURSOR)]},
    responses=_readable(PAGE, {"cases": [_SAMPLE_CASE], "nextCursor": ""}),
)
async def page(request: Request, caller: ReviewingCaller) -> Response:
    cursor = CURSOR.read(dict(request.query_params))
    cases, following = await services_of(request).reviews.page(caller.hospital.id, int(cursor or 0))
    now = datetime.now(UTC)
    shown = [case_view(case, now) for case in cases]
    return success({"cases": shown, "nextCursor": "" if following is None else str(following)})


@router.get(
    "/{medOrgOrd}",  # noqa: FAST003 - see `PARAMETER`
    summary="查询一个核查",
    description=(
        "原因、金额、期限, 医保中心和医院信息系统现在的答复, 现在安全的操作, 和经过。"
        f"角色: operator, approver, auditor。\n\n### 返回DATA\n\n{doc.data_table(LOOK)}"
    ),
    openapi_extra={"parameters": [PARAMETER, _query(schema.REFUND_NO)]},
    responses={**_readable(LOOK, _SAMPLE_LOOK), **_UNKNOWN},
)
async def show(request: Request, caller: ReviewingCaller) -> Response:
    refund_no = schema.read_refund_no(dict(request.query_params))
    look = await services_of(request).reviews.look(_key(request, caller), refund_no)
    return success(look_view(look, datetime.now(UTC)))


@router.post(
    "/{medOrgOrd}/proposals",  # noqa: FAST003 - see `PARAMETER`
    summary="提议一个核查操作",
    description=doc.described(
        "重新查询双方后, 安全的操作等待另一人复核; ASK_AGAIN立即执行。不安全的操作返回ACTION_REFUSED和原因。"
        "角色: operator, approver。",
        schema.PROPOSAL,
        DECISION,
    ),
    openapi_extra={"parameters": [PARAMETER], **doc.plain_body(schema.PROPOSAL)},
    responses={**doc.answers(DECISION, _WAITING, _REFUSALS), **_UNKNOWN},
)
async def propose(request: Request, caller: ProposingCaller) -> Response:
    key, fields = _key(request, caller), await read_fields(request)
    wish = schema.read_proposal(fields, caller.key_name)
    decision = await services_of(request).reviews.propose(key, schema.read_refund_no(fields), wish)
    return success(decision_view(decision))


@router.post(
    "/{medOrgOrd}/approvals",  # noqa: FAST003 - see `PARAMETER`
    summary="复核一个核查操作",
    description=doc.described(
        "由提议人以外的人复核: 再次查询双方, 仍安全即执行。不能复核自己的提议(FORBIDDEN)。角色: approver。",
        schema.APPROVAL,
        DECISION,
    ),
    openapi_extra={"parameters": [PARAMETER], **doc.plain_body(schema.APPROVAL)},
    responses={**doc.answers(DECISION, _DONE, _REFUSALS), **_UNKNOWN},
)
async def approve(request: Request, caller: ApprovingCaller) -> Response:
    key, fields = _key(request, caller), await read_fields(request)
    word = schema.read_approval(fields, caller.key_name)
    decision = await services_of(request).reviews.approve(key, schema.read_refund_no(fields), word)
    return success(decision_view(decision))


def _key(request: Request, caller: Caller) -> PaymentKey:
    key = PaymentKey(hospital=caller.hospital.id, med_org_ord=med_org_ord(request))
    trace_of(request.scope).med_org_ord = key.med_org_ord
    return key
