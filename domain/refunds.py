"""Refunds of a settled payment by 6203 (product rule 16): what may be refunded, and how it ends. Pure."""

from domain.base import Frozen, PaymentKey
from domain.errors import ErrorCode, PaymentError
from domain.ids import refund_workflow_id
from domain.insurance import OrderReference, RefundParts, RefundType
from domain.orders import CashRefundedBy, Category, PaymentTerms
from domain.reviews import Waiting
from domain.states import SETTLED_STATES, PaymentState, RefundState
from domain.values.fen import Fen, yuan


class RefundOrder(PaymentKey):
    """One validated refund request. `refund_no` is its idempotency key, `requested_by` the name of the caller's key.

    `amount_fen`: CASH refunds only; None means all the cash that is left.
    """

    refund_no: str
    refund_type: RefundType
    amount_fen: Fen | None = None
    pay_auth_no: str
    reason: str
    requested_by: str

    @property
    def workflow_id(self) -> str:
        return refund_workflow_id(self, self.refund_no)

    @property
    def wanted(self) -> str:
        """Type and amount, as text."""
        return " ".join(self.fingerprint_fields().values()).strip()

    def fingerprint_fields(self) -> dict[str, str]:
        """What makes two calls the same refund. Not payAuthNo, which changes with every legitimate repeat."""
        return {
            "type": self.refund_type.value,
            "amount": "" if self.amount_fen is None else yuan(self.amount_fen),
        }


def check_same_refund(order: RefundOrder, refund_type: RefundType, amount_fen: Fen | None) -> None:
    """Raise `PaymentError` REFUND_CONFLICT if the refundNo was used for a refund of another type or amount.

    An order without an amount matches any.
    """
    field = None
    if order.refund_type is not refund_type:
        field = "退款类型(type)"
    elif order.amount_fen is not None and order.amount_fen != amount_fen:
        field = "退款金额(amount)"
    if field is not None:
        raise PaymentError(ErrorCode.REFUND_CONFLICT, f"退款单号(refundNo)已用于另一笔退款: {field}不一致")


def check_refundable(state: PaymentState) -> None:
    """Raise `PaymentError` NOT_REFUNDABLE unless HIS has written the payment's settlement record."""
    if state not in SETTLED_STATES:
        raise PaymentError(ErrorCode.NOT_REFUNDABLE, f"该订单未结算(state {state.value}), 不能退费")


def parts_to_refund(
    order: RefundOrder, paid: RefundParts, back: RefundParts, cash_refunded_by: CashRefundedBy
) -> RefundParts:
    """What `order` refunds, where `back` has been refunded or reserved before.

    Raises `PaymentError` NOT_REFUNDABLE or REFUND_EXCEEDS_PAID.
    """
    if cash_refunded_by is CashRefundedBy.CHANNEL:
        _check_without_cash(order, paid)
    if back.covers(paid):
        raise PaymentError(ErrorCode.NOT_REFUNDABLE, "该订单已全部退款")
    match order.refund_type:
        case RefundType.ALL:
            return _all(paid, back)
        case RefundType.HI:
            return _insurance(paid, back)
        case RefundType.CASH:
            return _cash(order.amount_fen, paid, back)


def state_after(paid: RefundParts, back: RefundParts) -> RefundState:
    """The state of a successful refund when `back`, this refund included, has gone back."""
    return RefundState.REFUNDED if back.covers(paid) else RefundState.PARTIALLY_REFUNDED


def _check_without_cash(order: RefundOrder, paid: RefundParts) -> None:
    takes_cash = order.refund_type is RefundType.CASH or (order.refund_type is RefundType.ALL and paid.own_pay_fen > 0)
    if takes_cash:
        message = "现金部分由支付渠道退款, 请在渠道办理; 医保部分请用退款类型(type)HI"
        raise PaymentError(ErrorCode.NOT_REFUNDABLE, message)


def _all(paid: RefundParts, back: RefundParts) -> RefundParts:
    """A full refund returns each part as it was paid, so nothing may have gone back before."""
    if back.total_fen > 0:
        message = "该订单已退过一部分, 不能再全部退款(ALL); 其余部分请用退款类型(type)CASH或HI"
        raise PaymentError(ErrorCode.REFUND_EXCEEDS_PAID, message)
    return paid


def _insurance(paid: RefundParts, back: RefundParts) -> RefundParts:
    if paid.insurance_fen == back.insurance_fen:
        raise PaymentError(ErrorCode.NOT_REFUNDABLE, "没有可退的医保部分")
    return RefundParts(psn_acct_fen=paid.psn_acct_fen, fund_fen=paid.fund_fen)


def _cash(amount_fen: Fen | None, paid: RefundParts, back: RefundParts) -> RefundParts:
    left_fen = Fen(paid.own_pay_fen - back.own_pay_fen)
    if left_fen == 0:
        raise PaymentError(ErrorCode.NOT_REFUNDABLE, "没有可退的现金部分")
    if amount_fen is not None and amount_fen > left_fen:
        message = f"退款金额(amount)超过可退的现金{yuan(left_fen)}元"
        raise PaymentError(ErrorCode.REFUND_EXCEEDS_PAID, message)
    return RefundParts(own_pay_fen=left_fen if amount_fen is None else amount_fen)


class Reserved(Frozen):
    """A reservation of `parts`. `before`: what had gone back of `paid` by then. The rest identifies the payment."""

    reference: OrderReference
    paid: RefundParts
    before: RefundParts
    parts: RefundParts
    category: Category
    patient_id: str

    @property
    def after(self) -> RefundParts:
        return self.before.plus(self.parts)

    @property
    def good_end(self) -> RefundState:
        """The state of both refund and payment once the money is back."""
        return state_after(self.paid, self.after)


class RefundEnd(Frozen):
    """How a refund ended, or why it is under review. `note`: for operators, never personal data."""

    state: RefundState
    code: ErrorCode | None = None
    message: str = ""
    note: str = ""


class ReviewedRefund(Frozen):
    """A refund under review whose workflow goes on in a new run. `sends_max`: how often 6203 may be sent in all.

    `steps`: by name of a step, the number of the last one that was taken.
    """

    reserved: Reserved
    end: RefundEnd
    sends_max: int
    steps: dict[str, int]


class RefundStart(Frozen):
    """The refund workflow's one argument. `proposed`: nothing is done before a second person has approved it.

    `reviewed`: what a new run goes on from, with the proposal that waits in it, if there is one.
    """

    order: RefundOrder
    terms: PaymentTerms
    proposed: bool = False
    reviewed: ReviewedRefund | None = None
    waiting: Waiting | None = None
