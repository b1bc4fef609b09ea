"""A payment's row as its workflow goes on from it."""

from domain.base import PaymentKey
from domain.bills import Patient
from domain.errors import ErrorCode, Transaction
from domain.insurance import PreSettlement, UploadedFees
from domain.orders import KnownPayment, PaymentEnd
from storage.records import PaymentRecord
from storage.session import Unit


async def known_payment(unit: Unit, record: PaymentRecord) -> KnownPayment:
    """The payment of `record`, with its workflow's finished steps."""
    order = record.order
    key = PaymentKey(hospital=order.hospital, med_org_ord=order.med_org_ord)
    return KnownPayment(
        accepted_at=record.accepted_at,
        state=record.state,
        state_since=record.state_since,
        end=_end(record),
        revision=record.revision,
        patient=_patient(record),
        uploaded=_uploaded(record),
        pre_settlement=_pre_settlement(record),
        visit_id=record.visit_id,
        visit_is_ours=record.registered_by_us,
        settlement=record.settlement,
        register_sent=await unit.calls.count(key, Transaction.REGISTER) > 0,
        steps=await unit.steps.counts(order.workflow_id),
    )


def insured_name(record: PaymentRecord) -> str:
    """The patient's name in HIS, or else as ordered; empty if neither is known."""
    return record.insured_name or record.order.patient_name or ""


def _end(record: PaymentRecord) -> PaymentEnd:
    return PaymentEnd(
        state=record.state,
        code=record.error_code or ErrorCode.IN_REVIEW,
        message=record.error_message,
        note=record.note,
    )


def _patient(record: PaymentRecord) -> Patient:
    return Patient(
        patient_id=record.order.patient_id,
        name=insured_name(record),
        id_no=record.order.id_no,
        patient_type_id=record.patient_type_id,
        ipt_otp_no=record.ipt_otp_no,
        psn_no=record.si_personal_no,
    )


def _uploaded(record: PaymentRecord) -> UploadedFees | None:
    if record.pay_ord_id is None:
        return None
    # Only 6202 needs mdtrtId, and a payment that goes on from its row never gets there.
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
