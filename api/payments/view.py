"""What `GET /api/v1/payments/{medOrgOrd}` shows of a payment: masked, no token, times in ISO 8601 with their zone."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from api.refunds.view import refund_data, refunded_amounts
from domain.base import PaymentKey
from domain.fen import Fen, yuan
from domain.ids import payment_workflow_id
from domain.states import PaymentState
from security.masking.values import mask_id_no, mask_text
from storage.records import PaymentLine, PaymentRecord, RefundRecord, TimelineEntry

VIEW: Mapping[str, str] = {
    "medOrgOrd": "医院订单号",
    "state": "支付状态",
    "stateSince": "进入该状态的时间",
    "CATEGORY": "费用类别: 1 挂号, 2 门诊缴费",
    "CHANNEL": "渠道",
    "PATIENT_ID": "患者ID",
    "ID_NO": "身份证号(脱敏)",
    "payOrdId": "医保订单号",
    "VISIT_ID": "就诊ID",
    "settlementNo": "医院结算号",
    "traceTime": "医保结算时间",
    "setlType": "结算类型",
    "amounts": "金额(元): TOTAL, feeSumamt, ownPayAmt, psnAcctPay, fundPay",
    "refunded": "已退金额(元), 不含进行中的: totlRefdAmt, cashRefdAmt, psnAcctRefdAmt, fundRefdAmt",
    "refunds": "各笔退款, 按申请时间排列, 字段同退款查询, 另有 requestedAt, updatedAt, requestedBy, reason, hisToldAt",
    "deadlines": "期限: paymentWindowEndsAt 支付截止, reversalDeadline 冲正截止",
    "errorCode": "未成功时的原因代码",
    "errorMessage": "未成功时的原因",
    "note": "运维备注代码",
    "acceptedAt": "受理时间",
    "updatedAt": "最近更新时间",
    "workflowId": "Temporal工作流ID",
    "timeline": (
        "状态变化、对外调用、退费、医保回调、通知和人工核查的决定, 按时间排列: "
        "at, kind(state、call、refund、notice、webhook或decision), name, outcome, durationMs, message"
    ),
}
"""The view's fields, in order, and what they mean."""

LINE: Mapping[str, str] = (
    {name: VIEW[name] for name in ("medOrgOrd", "state", "stateSince", "CATEGORY", "CHANNEL")}
    | {"TOTAL": "总金额(元)"}
    | {name: VIEW[name] for name in ("payOrdId", "acceptedAt", "errorCode", "note")}
)
"""A payment's fields in a list."""


def payment_view(
    record: PaymentRecord, timeline: Sequence[TimelineEntry], refunds: Sequence[RefundRecord]
) -> dict[str, Any]:
    """A payment that has its row."""
    order, settlement = record.order, record.settlement
    return {
        "medOrgOrd": order.med_org_ord,
        "state": record.state.value,
        "stateSince": _iso(record.state_since),
        "CATEGORY": order.category.value,
        "CHANNEL": order.channel.value,
        "PATIENT_ID": order.patient_id,
        "ID_NO": mask_id_no(order.id_no),
        "payOrdId": record.pay_ord_id or "",
        "VISIT_ID": record.visit_id or "",
        "settlementNo": record.settlement_no or "",
        "traceTime": _iso(settlement.trace_time if settlement else None),
        "setlType": settlement.setl_type.value if settlement else "",
        "amounts": _amounts(record),
        "refunded": refunded_amounts(refunds),
        "refunds": [_refund(refund) for refund in refunds],
        "deadlines": {
            "paymentWindowEndsAt": _iso(record.window_ends_at),
            "reversalDeadline": _iso(settlement.reversal_deadline if settlement else None),
        },
        "errorCode": record.error_code.value if record.error_code else "",
        "errorMessage": mask_text(record.error_message),
        "note": record.note,
        "acceptedAt": _iso(record.accepted_at),
        "updatedAt": _iso(record.updated_at),
        "workflowId": order.workflow_id,
        "timeline": [_timeline_entry(entry) for entry in timeline],
    }


def line_view(line: PaymentLine) -> dict[str, str]:
    """A payment in a list."""
    return {
        "medOrgOrd": line.med_org_ord,
        "state": line.state.value,
        "stateSince": _iso(line.state_since),
        "CATEGORY": line.category.value,
        "CHANNEL": line.channel.value,
        "TOTAL": yuan(line.total_fen),
        "payOrdId": line.pay_ord_id or "",
        "acceptedAt": _iso(line.accepted_at),
        "errorCode": line.error_code.value if line.error_code else "",
        "note": line.note or "",
    }


def received_view(key: PaymentKey) -> dict[str, Any]:
    """A payment that runs, and whose row has not been written yet."""
    return {
        "medOrgOrd": key.med_org_ord,
        "state": PaymentState.RECEIVED.value,
        "workflowId": payment_workflow_id(key.hospital, key.med_org_ord),
        "timeline": [],
    }


def _amounts(record: PaymentRecord) -> dict[str, str]:
    """What was settled, or else what was pre-settled."""
    split = record.settlement.split if record.settlement else record.split
    return {
        "TOTAL": yuan(record.order.total_fen),
        "feeSumamt": _yuan(split.fee_sum_fen if split else None),
        "ownPayAmt": _yuan(split.own_pay_fen if split else None),
        "psnAcctPay": _yuan(split.psn_acct_fen if split else None),
        "fundPay": _yuan(split.fund_fen if split else None),
    }


def _refund(record: RefundRecord) -> dict[str, str]:
    return refund_data(record) | {
        "requestedAt": _iso(record.requested_at),
        "updatedAt": _iso(record.updated_at),
        "requestedBy": record.requested_by,
        "reason": mask_text(record.reason),
        "hisToldAt": _iso(record.his_told_at),
    }


def _timeline_entry(entry: TimelineEntry) -> dict[str, str]:
    shown = {"at": _iso(entry.at), "kind": entry.kind.value, "name": entry.name}
    if entry.outcome is not None:
        shown["outcome"] = entry.outcome.value
    if entry.duration_ms is not None:
        shown["durationMs"] = str(entry.duration_ms)
    if entry.message:
        shown["message"] = mask_text(entry.message)
    return shown


def _iso(moment: datetime | None) -> str:
    return moment.isoformat(timespec="milliseconds") if moment else ""


def _yuan(fen: Fen | None) -> str:
    return "" if fen is None else yuan(fen)
