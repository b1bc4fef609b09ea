"""Answers that our row alone can give, even after Temporal has forgotten the workflow. None: ask the workflow. Pure."""

from api.payments.schemas import PreSettleCall
from api.web.models import title_of
from domain.errors import ErrorCode, PaymentError
from domain.orders import Order, PreSettleAnswer, SettlementAnswer, SettleRequest
from domain.states import SETTLED_STATES, UNPAID_ENDS, PaymentState, has_reached
from storage.records import PaymentRecord

_FAILED = UNPAID_ENDS | {PaymentState.REVERSED, PaymentState.IN_REVIEW}
_UNEXPLAINED = "该订单需要人工核查, 请联系医院"


def check_same_transaction(record: PaymentRecord, order: Order) -> None:
    """Raise `PaymentError` ORDER_CONFLICT if the medOrgOrd belongs to another transaction (product rule 2)."""
    field = record.order.differing_field(order)
    if field is not None:
        message = f"医院订单号(medOrgOrd)已用于另一笔交易: {title_of(PreSettleCall, field)}不一致"
        raise PaymentError(ErrorCode.ORDER_CONFLICT, message)


def check_same_payment(record: PaymentRecord, request: SettleRequest) -> None:
    """Raise `PaymentError` ORDER_CONFLICT or PATIENT_MISMATCH if the call contradicts the payment."""
    if record.pay_ord_id and request.pay_ord_id != record.pay_ord_id:
        message = "医保订单号(payOrdId)不是医院订单号(medOrgOrd)对应的医保订单"
        raise PaymentError(ErrorCode.ORDER_CONFLICT, message)
    if request.patient_id != record.order.patient_id:
        raise PaymentError(ErrorCode.PATIENT_MISMATCH, "患者ID(PATIENT_ID)不是该订单的患者")
    if request.channel not in {None, record.order.channel}:
        raise PaymentError(ErrorCode.ORDER_CONFLICT, "渠道(CHANNEL)与下单时不一致")


def pre_settle_answer(record: PaymentRecord) -> PreSettleAnswer | None:
    """Interface 1's answer once it is known. Raises `PaymentError`: why the payment failed, or PROCESSING (reversing).

    A failed payment is never answered with its payOrdId, which has been revoked or reversed.
    """
    _raise_if_failed(record)
    if record.state is PaymentState.REVERSING:
        raise PaymentError(ErrorCode.PROCESSING, "该订单正在冲正, 请稍后查询")
    if not has_reached(record.state, PaymentState.PRE_SETTLED) or record.split is None or record.pay_ord_id is None:
        return None
    return PreSettleAnswer(
        pay_ord_id=record.pay_ord_id,
        med_org_ord=record.order.med_org_ord,
        split=record.split,
        patient_type_id=record.patient_type_id,
        ipt_otp_no=record.ipt_otp_no,
        balance_fen=record.balance_fen,
        si_personal_no=record.si_personal_no,
    )


def settlement_answer(record: PaymentRecord, request: SettleRequest) -> SettlementAnswer | None:
    """Interface 2's answer once the payment has settled. Raises `PaymentError`: why it failed, or ORDER_CONFLICT.

    A payment that recorded no visit answers with the VISIT_ID given by the caller.
    """
    _raise_if_failed(record)
    if record.state not in SETTLED_STATES or record.settlement is None or record.pay_ord_id is None:
        return None
    visit_id = record.visit_id or request.visit_id
    if request.visit_id not in {None, visit_id}:
        raise PaymentError(ErrorCode.ORDER_CONFLICT, "该订单已用另一个就诊ID(VISIT_ID)结算")
    return SettlementAnswer(
        pay_ord_id=record.pay_ord_id,
        med_org_ord=record.order.med_org_ord,
        settlement=record.settlement,
        visit_id=visit_id,
    )


def withdrawn_state(record: PaymentRecord) -> PaymentState | None:
    """CANCELLED if the payment is cancelled already. Raises `PaymentError` BILL_ALREADY_PAID, or why it failed."""
    if record.state is PaymentState.CANCELLED:
        return record.state
    if has_reached(record.state, PaymentState.PAID) or record.state is PaymentState.REVERSING:
        raise PaymentError(ErrorCode.BILL_ALREADY_PAID, "医院订单号(medOrgOrd)对应的订单已付款, 不能取消")
    _raise_if_failed(record)
    return None


def _raise_if_failed(record: PaymentRecord) -> None:
    """A failure without a recorded reason is answered as IN_REVIEW."""
    if record.state in _FAILED:
        raise PaymentError(record.error_code or ErrorCode.IN_REVIEW, record.error_message or _UNEXPLAINED)
