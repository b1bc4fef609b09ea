"""Starts a closed payment's workflow again from our row: after a hint of late money, or after it was terminated."""

import structlog

from api.payments.workflows import PaymentWorkflows
from domain.bills import Patient
from domain.errors import ErrorCode, PaymentError
from domain.insurance import PreSettlement, UploadedFees
from domain.orders import PaymentEnd, PaymentStart, PaymentTerms, Reopened
from domain.states import TERMINAL
from storage.records import PaymentRecord

logger = structlog.get_logger(__name__)


def reopening(record: PaymentRecord, terms: PaymentTerms) -> PaymentStart | None:
    """How to start the workflow again. None if the payment has ended and the centre can't be asked about it.

    Asking takes an order at the centre and the insured's name. A payment that was terminated before its end is
    started in any case: it must be closed, or reviewed by people.
    """
    name = record.insured_name or record.order.patient_name or ""
    may_be_asked = bool(record.pay_ord_id and record.pay_token and name)
    if not may_be_asked and record.state in TERMINAL:
        return None
    known = Reopened(
        accepted_at=record.accepted_at,
        state=record.state,
        state_since=record.state_since,
        end=_end(record),
        revision=record.revision,
        patient=_patient(record, name),
        uploaded=_uploaded(record),
        pre_settlement=_pre_settlement(record),
        visit_id=record.visit_id,
        visit_is_ours=record.registered_by_us,
        settlement=record.settlement,
    )
    return PaymentStart(order=record.order, terms=terms, reopened=known)


def _end(record: PaymentRecord) -> PaymentEnd:
    return PaymentEnd(
        state=record.state,
        code=record.error_code or ErrorCode.IN_REVIEW,
        message=record.error_message,
        note=record.note,
    )


def _patient(record: PaymentRecord, name: str) -> Patient:
    return Patient(
        patient_id=record.order.patient_id,
        name=name,
        id_no=record.order.id_no,
        patient_type_id=record.patient_type_id,
        ipt_otp_no=record.ipt_otp_no,
        psn_no=record.si_personal_no,
    )


def _uploaded(record: PaymentRecord) -> UploadedFees | None:
    if record.pay_ord_id is None:
        return None
    # Only 6202 needs mdtrtId, and a reopened payment never gets there.
    return UploadedFees(pay_ord_id=record.pay_ord_id, pay_token=record.pay_token or "", mdtrt_id="")


def _pre_settlement(record: PaymentRecord) -> PreSettlement | None:
    if record.split is None or record.window_ends_at is None or record.pay_ord_id is None:
        return None
    return PreSettlement(
        pay_ord_id=record.pay_ord_id,
        split=record.split,
        balance_fen=record.balance_fen,
        window_ends_at=record.window_ends_at,
    )


async def take_up(workflows: PaymentWorkflows, record: PaymentRecord, terms: PaymentTerms) -> PaymentError:
    """Start the workflow of a payment that was terminated before its end again.

    Returns what to tell the caller: IN_REVIEW, or PROCESSING where nothing was ordered yet. Raises `PaymentError`
    UNAVAILABLE.
    """
    logger.error("payment_broken_off", workflow_id=record.order.workflow_id)
    start = reopening(record, terms)
    if start is None or start.reopened is None:
        raise AssertionError("a payment that has not ended can always be started again")
    await workflows.reopen(start)
    if start.reopened.uploaded is None:
        return PaymentError(ErrorCode.PROCESSING, "该订单的处理曾被中断, 正在关闭, 请稍后重试")
    return PaymentError(ErrorCode.IN_REVIEW, "该订单的处理被中断, 需要人工核查, 请联系医院")
