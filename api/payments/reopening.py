"""From our row back to a workflow: of a payment that was closed, and has to be looked at once more. Pure."""

import structlog

from api.payments.workflows import PaymentWorkflows
from domain.bills import Patient
from domain.errors import ErrorCode, PaymentError
from domain.insurance import PreSettlement, UploadedFees
from domain.orders import PaymentEnd, PaymentStart, PaymentTerms, Reopened
from domain.states import TERMINAL
from storage.records import PaymentRecord


def reopening(record: PaymentRecord, terms: PaymentTerms) -> PaymentStart | None:
    """None where the payment has ended and the centre can't be asked: it has no order, or nobody knows under what name.

    One that was cut off is started all the same: it has to be closed, or looked at by people.
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
    """mdtrtId is 6202's to need, and that is over."""
    if record.pay_ord_id is None:
        return None
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


logger = structlog.get_logger(__name__)


async def take_up(workflows: PaymentWorkflows, record: PaymentRecord, terms: PaymentTerms) -> PaymentError:
    """Start it. What a caller is told. Raises `PaymentError` UNAVAILABLE."""
    logger.error("payment_broken_off", workflow_id=record.order.workflow_id)
    start = reopening(record, terms)
    if start is None or start.reopened is None:
        raise AssertionError("a payment that goes on can be started")
    await workflows.reopen(start)
    if start.reopened.uploaded is None:
        return PaymentError(ErrorCode.PROCESSING, "该订单的处理曾被中断, 正在关闭, 请稍后重试")
    return PaymentError(ErrorCode.IN_REVIEW, "该订单的处理被中断, 需要人工核查, 请联系医院")
