"""From our row back to a workflow: of a payment that was closed, and has to be looked at once more. Pure."""

from domain.bills import Patient
from domain.errors import ErrorCode
from domain.insurance import UploadedFees
from domain.orders import PaymentTerms
from domain.starting import PaymentStart, Reopened
from domain.steps import PaymentEnd, PreSettlement
from storage.records import PaymentRecord


def reopening(record: PaymentRecord, terms: PaymentTerms) -> PaymentStart | None:
    """None where the centre can't be asked: it has no order of this payment, or nobody knows under what name."""
    name = record.insured_name or record.order.patient_name
    if not (record.pay_ord_id and record.pay_token and name):
        return None
    known = Reopened(
        accepted_at=record.accepted_at,
        state=record.state,
        state_since=record.state_since,
        end=_end(record),
        revision=record.revision,
        patient=_patient(record, name),
        # mdtrtId is 6202's to need, and that is over.
        uploaded=UploadedFees(pay_ord_id=record.pay_ord_id, pay_token=record.pay_token, mdtrt_id=""),
        pre_settlement=_pre_settlement(record, record.pay_ord_id),
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


def _pre_settlement(record: PaymentRecord, pay_ord_id: str) -> PreSettlement | None:
    if record.split is None or record.window_ends_at is None:
        return None
    return PreSettlement(
        pay_ord_id=pay_ord_id,
        split=record.split,
        balance_fen=record.balance_fen,
        window_ends_at=record.window_ends_at,
    )
