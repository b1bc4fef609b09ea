"""Why a person must look: one table of each reason, its message, what is at risk and what resolves it."""

from dataclasses import dataclass
from enum import StrEnum, auto

from domain.ord_stas import NEEDS_REVIEW


class AttentionReason(StrEnum):
    """For operators; searchable in Temporal as `AttentionReason`."""

    STILL_PAYING = "STILL_PAYING"
    ORDER_STATUS_UNKNOWN = "ORDER_STATUS_UNKNOWN"
    ORDER_STATUS_7 = "ORDER_STATUS_7"
    ORDER_STATUS_8 = "ORDER_STATUS_8"
    ORDER_STATUS_9 = "ORDER_STATUS_9"
    ORDER_STATUS_10 = "ORDER_STATUS_10"
    ORDER_STATUS_11 = "ORDER_STATUS_11"
    ORDER_STATUS_13 = "ORDER_STATUS_13"
    ORDER_STATUS_14 = "ORDER_STATUS_14"
    ORDER_STATUS_16 = "ORDER_STATUS_16"
    REVOCATION_REFUSED = "REVOCATION_REFUSED"
    REVOCATION_UNRESOLVED = "REVOCATION_UNRESOLVED"
    AMOUNT_INCONSISTENT = "AMOUNT_INCONSISTENT"
    VISIT_MISSING = "VISIT_MISSING"
    HIS_OUTCOME_UNKNOWN = "HIS_OUTCOME_UNKNOWN"
    REVERSAL_REFUSED = "REVERSAL_REFUSED"
    REVERSAL_WINDOW_CLOSED = "REVERSAL_WINDOW_CLOSED"
    REFUND_REFUSED = "REFUND_REFUSED"
    REFUND_UNKNOWN = "REFUND_UNKNOWN"
    VISIT_NOT_CANCELLED = "VISIT_NOT_CANCELLED"
    BOOKED_AFTER_REVERSAL = "BOOKED_AFTER_REVERSAL"
    LATE_BOOKING_UNCHECKED = "LATE_BOOKING_UNCHECKED"
    HIS_NOT_TOLD = "HIS_NOT_TOLD"
    RECORD_REFUSED = "RECORD_REFUSED"
    BROKEN_OFF = "BROKEN_OFF"
    LATE_MONEY = "LATE_MONEY"
    LATE_MONEY_UNCONFIRMED = "LATE_MONEY_UNCONFIRMED"
    REFUNDED_ELSEWHERE = "REFUNDED_ELSEWHERE"
    """Of an end, which stays: money went back past us."""
    REFUND_OUTCOME_UNKNOWN = "REFUND_OUTCOME_UNKNOWN"
    """Refunds only."""
    REFUND_PROPOSED = "REFUND_PROPOSED"
    """Refunds only: an operator's, which awaits a second person."""
    NOTIFICATION_FAILED = "NOTIFICATION_FAILED"
    """Notifications only: undelivered for a day, or the receiver answered 410 Gone."""


class Resolver(StrEnum):
    """What the centre may answer so that the rules alone end a review. HIS must have answered too."""

    PAID = auto()
    """ordStas 6 with the pre-settled amounts and nothing missing: the payment goes on to be booked."""
    UNPAID = auto()
    """ordStas 12 or 15, and HIS has not booked: the payment ends CANCELLED or REJECTED."""


@dataclass(frozen=True)
class Attention:
    """`message`: what the caller is told, in Chinese. `money_at_risk`: whether money may be in the wrong place.

    `after_reversal`: we sent the money back, or tried to. Once all of it is back and HIS has not booked, the payment is
    REVERSED.
    """

    message: str
    resolved_by: frozenset[Resolver] = frozenset()
    money_at_risk: bool = True
    after_reversal: bool = False


_BY_STATUS = frozenset({Resolver.PAID, Resolver.UNPAID})
_BY_PAYMENT = frozenset({Resolver.PAID})


def _sent_back(message: str, *, money_at_risk: bool = True) -> Attention:
    return Attention(message, money_at_risk=money_at_risk, after_reversal=True)


def of_status(ord_stas: int) -> AttentionReason:
    """The reason for a status in `NEEDS_REVIEW`. Raises ValueError for any other."""
    return AttentionReason(f"ORDER_STATUS_{int(ord_stas)}")


_R = AttentionReason

ATTENTION: dict[AttentionReason, Attention] = {
    _R.STILL_PAYING: Attention("患者支付仍未完成, 已转人工核查", _BY_STATUS),
    _R.ORDER_STATUS_UNKNOWN: Attention("医保中心未答复订单状态, 已转人工核查", _BY_STATUS),
    **{of_status(status): Attention("医保订单状态异常, 已转人工核查", _BY_STATUS) for status in NEEDS_REVIEW},
    _R.REVOCATION_REFUSED: Attention("医保订单不能撤销, 已转人工核查", _BY_STATUS),
    _R.REVOCATION_UNRESOLVED: Attention("医保订单撤销结果未知, 已转人工核查", _BY_STATUS),
    _R.AMOUNT_INCONSISTENT: Attention("医保结算金额与预结算不一致, 已转人工核查", _BY_PAYMENT),
    _R.VISIT_MISSING: Attention("挂号已付款, 但未收到就诊ID(VISIT_ID), 已转人工核查", _BY_PAYMENT),
    _R.HIS_OUTCOME_UNKNOWN: Attention("医院入账结果未知, 冲正期限将至, 已转人工核查"),
    _R.REVERSAL_REFUSED: _sent_back("医保中心拒绝冲正, 已转人工核查"),
    _R.REVERSAL_WINDOW_CLOSED: _sent_back("冲正期限已过, 结果未知, 已转人工核查"),
    _R.REFUND_REFUSED: _sent_back("医保中心拒绝退费, 已转人工核查"),
    _R.REFUND_UNKNOWN: _sent_back("医保退费结果未知, 已转人工核查"),
    _R.VISIT_NOT_CANCELLED: _sent_back("款项已冲正, 但医院挂号未能取消, 已转人工核查", money_at_risk=False),
    _R.BOOKED_AFTER_REVERSAL: _sent_back("款项已冲正, 医院却已入账, 已转人工核查"),
    _R.LATE_BOOKING_UNCHECKED: _sent_back("款项已冲正, 未能确认医院没有入账, 已转人工核查", money_at_risk=False),
    _R.HIS_NOT_TOLD: _sent_back("款项已退回, 但未能告知医院信息系统, 已转人工核查"),
    _R.RECORD_REFUSED: Attention("数据库不能保存医保中心或医院返回的内容, 已转人工核查"),
    _R.BROKEN_OFF: Attention("该订单的处理曾被中断, 已转人工核查"),
    _R.LATE_MONEY: Attention("订单已关闭, 医保中心却显示已付款, 已转人工核查"),
    _R.LATE_MONEY_UNCONFIRMED: Attention("订单已关闭, 医保中心未答复是否另有到账, 已转人工核查"),
    _R.REFUNDED_ELSEWHERE: Attention("医保中心显示款项已在本系统之外退回, 请与医院核对"),
    _R.REFUND_OUTCOME_UNKNOWN: Attention("退费结果未知, 已转人工核查"),
    _R.REFUND_PROPOSED: Attention("退款已提议, 待另一人复核", money_at_risk=False),
    _R.NOTIFICATION_FAILED: Attention("未能通知调用方", money_at_risk=False),
}


def puts_money_at_risk(note: str) -> bool:
    """Whether this reason means that money may be in the wrong place; an unknown reason does."""
    reason = AttentionReason.__members__.get(note)
    return reason is None or ATTENTION[reason].money_at_risk
