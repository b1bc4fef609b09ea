"""Whether HIS's bill is the one that was ordered: the patient's, and the same to the fen."""

from domain.bills import Bill
from domain.errors import ErrorCode, PaymentError
from domain.fen import yuan
from domain.orders import Order


def check_bill(order: Order, bill: Bill, visit_patient_id: str | None) -> None:
    """Raise `PaymentError` if `bill` may not be paid as `order` asks.

    `visit_patient_id`: whose the order's VISIT_ID is by HIS; None where the order names no visit.
    """
    _check_patient(order, bill)
    if bill.fees.patient_id != order.patient_id:
        raise PaymentError(ErrorCode.PATIENT_MISMATCH, "处方ID(ORDER_ID)不属于患者ID(PATIENT_ID)所指的患者")
    if visit_patient_id is not None:
        check_visit(order.patient_id, visit_patient_id)
    if bill.fees.total_fen != order.total_fen:
        message = f"总金额(TOTAL)与医院费用合计不符: 下单{yuan(order.total_fen)}元, 医院{yuan(bill.fees.total_fen)}元"
        raise PaymentError(ErrorCode.TOTAL_MISMATCH, message)


def check_visit(patient_id: str, visit_patient_id: str) -> None:
    """Raise `PaymentError` if a VISIT_ID is another patient's, or unknown to HIS (an empty `visit_patient_id`)."""
    if visit_patient_id != patient_id:
        raise PaymentError(ErrorCode.PATIENT_MISMATCH, "就诊ID(VISIT_ID)不属于患者ID(PATIENT_ID)所指的患者")


def _check_patient(order: Order, bill: Bill) -> None:
    patient = bill.patient
    if patient.id_no.upper() != order.id_no:
        raise PaymentError(ErrorCode.PATIENT_MISMATCH, "身份证号(ID_NO)与医院登记的患者不一致")
    if order.patient_name is not None and patient.name != order.patient_name:
        raise PaymentError(ErrorCode.PATIENT_MISMATCH, "患者姓名(PATIENT_NAME)与医院登记的患者不一致")
    if not patient.psn_no:
        raise PaymentError(ErrorCode.HIS_REFUSED, "医院未登记该患者的医保参保信息, 不能使用医保支付")
