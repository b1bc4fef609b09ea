"""Answers of payment queries: personal data masked, no tokens, times in ISO 8601 with their zone."""

from collections.abc import Sequence
from typing import Self

from pydantic import Field

from api.notices.hints import EXPLAINED, Followed
from api.payments.schemas import split_amounts
from api.refunds.schemas import PaymentRefundData, RefundedAmounts
from api.web.models import Absent, DataModel, iso
from domain.base import PaymentKey
from domain.ids import payment_workflow_id
from domain.insurance import Split
from domain.states import PaymentState
from domain.values.fen import yuan
from security.masking.values import mask_id_no, mask_text
from storage.records import PaymentLine, PaymentRecord, RefundRecord, TimelineEntry

_SINCE = "2025-01-01T02:20:30.000+00:00"
_ENDS = "2025-01-01T02:50:30.000+00:00"


class SplitData(DataModel):
    """How a bill splits, in yuan."""

    fee_sumamt: str | Absent = Field(None, alias="feeSumamt", title="费用总额(元)")
    own_pay_amt: str | Absent = Field(None, alias="ownPayAmt", title="现金支付金额(元)")
    psn_acct_pay: str | Absent = Field(None, alias="psnAcctPay", title="个人账户支付金额(元)")
    fund_pay: str | Absent = Field(None, alias="fundPay", title="统筹基金支付金额(元)")

    @classmethod
    def of(cls, split: Split | None) -> Self:
        """Empty where there is no split."""
        return cls(**split_amounts(split)) if split else cls()


class AmountsData(DataModel):
    """The total ordered and its split: as settled, or else as pre-settled."""

    total: str = Field(alias="TOTAL", title="总金额(元)")
    fee_sumamt: str = Field("", alias="feeSumamt", title="费用总额(元)")
    own_pay_amt: str = Field("", alias="ownPayAmt", title="现金支付金额(元)")
    psn_acct_pay: str = Field("", alias="psnAcctPay", title="个人账户支付金额(元)")
    fund_pay: str = Field("", alias="fundPay", title="统筹基金支付金额(元)")

    @classmethod
    def of(cls, record: PaymentRecord) -> Self:
        split = record.settlement.split if record.settlement else record.split
        return cls(total=yuan(record.order.total_fen), **(split_amounts(split) if split else {}))


class DeadlinesData(DataModel):
    payment_window_ends_at: str = Field(alias="paymentWindowEndsAt", title="支付截止")
    reversal_deadline: str = Field(alias="reversalDeadline", title="冲正截止")


class TimelineData(DataModel):
    """One event in a payment's timeline."""

    at: str = Field(alias="at", title="时间")
    kind: str = Field(alias="kind", title="state、call、refund、notice、webhook或decision")
    name: str = Field(alias="name", title="状态、交易、操作或通知的名称")
    outcome: str | Absent = Field(None, alias="outcome", title="对外调用的结果")
    duration_ms: str | Absent = Field(None, alias="durationMs", title="对外调用的时长(毫秒)")
    message: str | Absent = Field(None, alias="message", title="说明")

    @classmethod
    def of(cls, entry: TimelineEntry) -> Self:
        return cls(
            at=iso(entry.at),
            kind=entry.kind.value,
            name=entry.name,
            outcome=entry.outcome.value if entry.outcome is not None else None,
            duration_ms=str(entry.duration_ms) if entry.duration_ms is not None else None,
            message=mask_text(entry.message) if entry.message else None,
        )


class PaymentData(DataModel):
    """A payment. One whose row has not been written yet has few of the fields."""

    med_org_ord: str = Field(alias="medOrgOrd", title="医院订单号", examples=["ORD20250101000001"])
    state: str = Field(alias="state", title="支付状态", examples=[PaymentState.PRE_SETTLED.value])
    state_since: str | Absent = Field(None, alias="stateSince", title="进入该状态的时间", examples=[_SINCE])
    category: str | Absent = Field(None, alias="CATEGORY", title="费用类别: 1 挂号, 2 门诊缴费", examples=["2"])
    channel: str | Absent = Field(None, alias="CHANNEL", title="渠道", examples=["WeChat"])
    patient_id: str | Absent = Field(None, alias="PATIENT_ID", title="患者ID", examples=["100001"])
    id_no: str | Absent = Field(None, alias="ID_NO", title="身份证号(脱敏)", examples=["1101**********0134"])
    pay_ord_id: str | Absent = Field(None, alias="payOrdId", title="医保订单号", examples=["PO2025010100000001"])
    visit_id: str | Absent = Field(None, alias="VISIT_ID", title="就诊ID", examples=["V1"])
    settlement_no: str | Absent = Field(None, alias="settlementNo", title="医院结算号", examples=[""])
    reversal_sn: str | Absent = Field(None, alias="reversalSn", title="冲正的医保退款流水号(refdSn)", examples=[""])
    trace_time: str | Absent = Field(None, alias="traceTime", title="医保结算时间", examples=[""])
    setl_type: str | Absent = Field(None, alias="setlType", title="结算类型", examples=[""])
    amounts: AmountsData | Absent = Field(
        None,
        alias="amounts",
        title="金额(元): TOTAL, feeSumamt, ownPayAmt, psnAcctPay, fundPay",
        examples=[
            {
                "TOTAL": "128.50",
                "feeSumamt": "128.50",
                "ownPayAmt": "25.70",
                "psnAcctPay": "25.70",
                "fundPay": "77.10",
            }
        ],
    )
    refunded: RefundedAmounts | Absent = Field(
        None,
        alias="refunded",
        title="已退金额(元), 不含进行中的: totlRefdAmt, cashRefdAmt, psnAcctRefdAmt, fundRefdAmt",
        examples=[{"totlRefdAmt": "0.00", "cashRefdAmt": "0.00", "psnAcctRefdAmt": "0.00", "fundRefdAmt": "0.00"}],
    )
    refunds: list[PaymentRefundData] | Absent = Field(
        None,
        alias="refunds",
        title="各笔退款, 按申请时间排列, 字段同退款查询, 另有 requestedAt, updatedAt, requestedBy, reason, hisToldAt",
        examples=[[]],
    )
    deadlines: DeadlinesData | Absent = Field(
        None,
        alias="deadlines",
        title="期限: paymentWindowEndsAt 支付截止, reversalDeadline 冲正截止",
        examples=[{"paymentWindowEndsAt": _ENDS, "reversalDeadline": ""}],
    )
    error_code: str | Absent = Field(None, alias="errorCode", title="未成功时的原因代码", examples=[""])
    error_message: str | Absent = Field(None, alias="errorMessage", title="未成功时的原因", examples=[""])
    note: str | Absent = Field(None, alias="note", title="运维备注代码", examples=[""])
    accepted_at: str | Absent = Field(None, alias="acceptedAt", title="受理时间", examples=[_SINCE])
    updated_at: str | Absent = Field(None, alias="updatedAt", title="最近更新时间", examples=[_SINCE])
    workflow_id: str = Field(alias="workflowId", title="Temporal工作流ID", examples=["payment-main-ORD20250101000001"])
    timeline: list[TimelineData] = Field(
        alias="timeline",
        title="状态变化、对外调用、退费、医保回调、通知和人工核查的决定, 按时间排列: "
        "at, kind(state、call、refund、notice、webhook或decision), name, outcome, durationMs, message",
        examples=[[{"at": _SINCE, "kind": "state", "name": "PRE_SETTLED"}]],
    )

    @classmethod
    def of(cls, record: PaymentRecord, timeline: Sequence[TimelineEntry], refunds: Sequence[RefundRecord]) -> Self:
        """A payment that has a row."""
        order, settlement = record.order, record.settlement
        return cls(
            med_org_ord=order.med_org_ord,
            state=record.state.value,
            state_since=iso(record.state_since),
            category=order.category.value,
            channel=order.channel.value,
            patient_id=order.patient_id,
            id_no=mask_id_no(order.id_no),
            pay_ord_id=record.pay_ord_id or "",
            visit_id=record.visit_id or "",
            settlement_no=record.settlement_no or "",
            reversal_sn=record.reversal_sn,
            trace_time=iso(settlement.trace_time if settlement else None),
            setl_type=settlement.setl_type.value if settlement else "",
            amounts=AmountsData.of(record),
            refunded=RefundedAmounts.of_payment(refunds),
            refunds=[PaymentRefundData.in_view(refund) for refund in refunds],
            deadlines=DeadlinesData(
                payment_window_ends_at=iso(record.window_ends_at),
                reversal_deadline=iso(settlement.reversal_deadline if settlement else None),
            ),
            error_code=record.error_code.value if record.error_code else "",
            error_message=mask_text(record.error_message),
            note=record.note,
            accepted_at=iso(record.accepted_at),
            updated_at=iso(record.updated_at),
            workflow_id=order.workflow_id,
            timeline=[TimelineData.of(entry) for entry in timeline],
        )

    @classmethod
    def received(cls, key: PaymentKey) -> Self:
        """A payment whose workflow runs but whose row has not been written yet."""
        workflow_id = payment_workflow_id(key.hospital, key.med_org_ord)
        return cls(med_org_ord=key.med_org_ord, state=PaymentState.RECEIVED.value, workflow_id=workflow_id, timeline=[])


class PaymentLineData(DataModel):
    """A payment in a list."""

    med_org_ord: str = Field(alias="medOrgOrd", title="医院订单号", examples=["ORD20250101000001"])
    state: str = Field(alias="state", title="支付状态", examples=[PaymentState.PRE_SETTLED.value])
    state_since: str = Field(alias="stateSince", title="进入该状态的时间", examples=[_SINCE])
    category: str = Field(alias="CATEGORY", title="费用类别: 1 挂号, 2 门诊缴费", examples=["2"])
    channel: str = Field(alias="CHANNEL", title="渠道", examples=["WeChat"])
    total: str = Field(alias="TOTAL", title="总金额(元)", examples=["128.50"])
    pay_ord_id: str = Field(alias="payOrdId", title="医保订单号", examples=["PO2025010100000001"])
    accepted_at: str = Field(alias="acceptedAt", title="受理时间", examples=["2025-01-01T02:20:29.000+00:00"])
    error_code: str = Field(alias="errorCode", title="未成功时的原因代码", examples=[""])
    note: str = Field(alias="note", title="运维备注代码", examples=[""])

    @classmethod
    def of(cls, line: PaymentLine) -> Self:
        return cls(
            med_org_ord=line.med_org_ord,
            state=line.state.value,
            state_since=iso(line.state_since),
            category=line.category.value,
            channel=line.channel.value,
            total=yuan(line.total_fen),
            pay_ord_id=line.pay_ord_id or "",
            accepted_at=iso(line.accepted_at),
            error_code=line.error_code.value if line.error_code else "",
            note=line.note or "",
        )


class CancelData(DataModel):
    """The result of a cancel."""

    med_org_ord: str = Field(alias="medOrgOrd", title="医院订单号", examples=["ORD20250101000001"])
    state: str = Field(alias="state", title="支付状态: CANCELLED", examples=[PaymentState.CANCELLED.value])


class RecheckData(DataModel):
    """What was done about a hint."""

    med_org_ord: str = Field(alias="medOrgOrd", title="医院订单号", examples=["ORD20250101000001"])
    followed: str = Field(
        alias="followed",
        title="如何处理: ASKED 由支付流程查询, UNDER_REVIEW 正在人工核查, REOPENED 重新打开并查询, "
        "REFUNDS_ASKED 已结算, 查询是否另有退费, "
        "NOT_NEEDED 已付款或已冲正, NOTHING_TO_ASK 没有医保订单可查, BROKEN_OFF 处理被中断",
        examples=[Followed.REOPENED.value],
    )
    message: str = Field(alias="message", title="处理说明", examples=[EXPLAINED[Followed.REOPENED]])
