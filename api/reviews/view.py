"""What the review queue's calls show: no personal data, no token; money in fen, times in ISO 8601 with their zone."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from api.reviews.service import CaseLook
from domain.fen import yuan
from domain.insurance import Split
from domain.reviews import Decision, ReviewAction, ReviewFacts, ReviewView
from security.masking.values import mask_text
from storage.records import CaseEventRecord, CaseRecord

CASE: Mapping[str, str] = {
    "medOrgOrd": "医院订单号",
    "refundNo": "退款单号; 支付本身的核查为空",
    "reason": "原因代码",
    "message": "原因",
    "atRiskFen": "去向未定的金额(分)",
    "openedAt": "转入人工核查的时间",
    "ageS": "已等待(秒)",
    "deadline": "期限: 冲正截止时间, 没有时为空",
    "closedAt": "结束时间, 未结束时为空",
    "outcome": "结束时的支付状态",
    "workflowId": "Temporal工作流ID",
}
"""A case as our rows have it: its fields, in order, and what they mean."""

PAGE: Mapping[str, str] = {
    "cases": f"未结束的核查, 先来的在前: {', '.join(CASE)}",
    "nextCursor": "下一页的cursor; 最后一页为空",
}

LOOK: Mapping[str, str] = {
    **CASE,
    "state": "支付现在的状态",
    "centre": "医保中心现在的答复: ordStas, settled(元), sameAsPreSettled, addsUpToTotal, wentBack; 未答复为空",
    "his": "医院信息系统现在的答复: settlementNo, VISIT_ID; 未答复为空",
    "reversibleUntil": "冲正令牌的截止时间, 没有令牌时为空",
    "safe": "现在可以提议的操作",
    "refused": "现在不能做的操作, 及其原因",
    "proposed": "待复核的提议: action, by, reason, at; 没有时为空",
    "unasked": "没有实时答复时的原因",
    "events": "谁在何时提议、复核、被拒、执行了什么: at, event, action, by, reason",
}
"""A case with what both sides say now."""

DECISION: Mapping[str, str] = {
    "state": "支付(或退款)现在的状态",
    "message": "说明",
    "waiting": "true: 待另一人复核; false: 已处理",
}


def case_view(case: CaseRecord, now: datetime) -> dict[str, Any]:
    """One line of the queue."""
    until = case.closed_at or now
    return {
        "medOrgOrd": case.key.med_org_ord,
        "refundNo": case.refund_no,
        "reason": case.reason,
        "message": mask_text(case.message),
        "atRiskFen": str(case.at_risk_fen),
        "openedAt": _iso(case.opened_at),
        "ageS": str(max(0, round((until - case.opened_at).total_seconds()))),
        "deadline": _iso(case.deadline),
        "closedAt": _iso(case.closed_at),
        "outcome": case.outcome or "",
        "workflowId": case.workflow_id,
    }


def look_view(look: CaseLook, now: datetime) -> dict[str, Any]:
    """A case with what both sides say now."""
    live = _live(look.view) if look.view is not None else dict(_NOT_LIVE)
    events = [_event(event) for event in look.events]
    case = {**case_view(look.case, now), "state": look.state.value}
    return {**case, **live, "unasked": look.unasked, "events": events}


def decision_view(decision: Decision) -> dict[str, str]:
    """What came of a proposal or an approval."""
    waiting = "true" if decision.waiting else "false"
    return {"state": decision.state, "message": mask_text(decision.message), "waiting": waiting}


_NOT_LIVE: Mapping[str, Any] = {
    "centre": {},
    "his": {},
    "reversibleUntil": "",
    "safe": [],
    "refused": {},
    "proposed": {},
}


def _live(view: ReviewView) -> dict[str, Any]:
    proposed = view.proposed
    return {
        "centre": _centre(view.facts),
        "his": _his(view.facts),
        "reversibleUntil": _iso(view.facts.reversible_until),
        "safe": [action.value for action in ReviewAction if action not in view.refused],
        "refused": {action.value: why for action, why in view.refused.items()},
        "proposed": {
            "action": proposed.action.value,
            "by": proposed.by,
            "reason": mask_text(proposed.reason),
            "at": _iso(proposed.at),
        }
        if proposed is not None
        else {},
    }


def _centre(facts: ReviewFacts) -> dict[str, Any]:
    if facts.ord_stas is None:
        return {}
    return {
        "ordStas": str(facts.ord_stas),
        "settled": _amounts(facts.settled),
        "sameAsPreSettled": _word(is_so=facts.same_amounts),
        "addsUpToTotal": _word(is_so=facts.adds_up),
        "wentBack": _word(is_so=facts.went_back),
    }


def _his(facts: ReviewFacts) -> dict[str, str]:
    if not facts.his_answers:
        return {}
    return {"settlementNo": facts.settlement_no or "", "VISIT_ID": facts.visit_id or ""}


def _amounts(split: Split | None) -> dict[str, str]:
    if split is None:
        return {}
    return {
        "feeSumamt": yuan(split.fee_sum_fen),
        "ownPayAmt": yuan(split.own_pay_fen),
        "psnAcctPay": yuan(split.psn_acct_fen),
        "fundPay": yuan(split.fund_fen),
    }


def _event(event: CaseEventRecord) -> dict[str, str]:
    return {
        "at": _iso(event.at),
        "event": event.event.value,
        "action": event.action.value,
        "by": event.by,
        "reason": mask_text(event.reason),
    }


def _word(*, is_so: bool) -> str:
    return "true" if is_so else "false"


def _iso(moment: datetime | None) -> str:
    return moment.isoformat(timespec="milliseconds") if moment else ""
