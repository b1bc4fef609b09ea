"""A bill as HIS answers it, with everything that 6201 needs (docs/his-port.md, Fees)."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from domain.values.china_time import to_china
from domain.values.fen import yuan
from simulator.his.catalogue import CARDIOLOGY_1, Clinic, Department, Item, Prescription, registration_item

_WAITED = timedelta(minutes=20)
"""From the beginning of the visit to the prescription."""


def prescription_fees(bills: Sequence[Prescription], patient_id: str) -> dict[str, object]:
    """`patient_id`: the patient whose bills these are."""
    now = datetime.now(UTC)
    lines = [
        _line(item, CARDIOLOGY_1, now, {"feedetlSn": f"{bill.order_id}{number:02d}", "rxno": bill.order_id})
        for bill in bills
        for number, item in enumerate(bill.items, start=1)
    ]
    return _fees(patient_id, CARDIOLOGY_1, now - _WAITED, [_hypertension(CARDIOLOGY_1, now)], lines)


def registration_fees(clinic_id: str, clinic: Clinic, patient_id: str) -> dict[str, object]:
    now = datetime.now(UTC)
    serial = {"feedetlSn": f"GH{clinic_id}{patient_id}"}
    return _fees(
        patient_id,
        clinic.department,
        now,
        [],
        [_line(registration_item(clinic), clinic.department, now, serial)],
    )


def _fees(
    patient_id: str, department: Department, began_at: datetime, diagnoses: list[object], lines: list[object]
) -> dict[str, object]:
    return {
        "PATIENT_ID": patient_id,
        "mdtrtId": f"MD{patient_id}",
        "deptCode": department.code,
        "deptName": department.name,
        "caty": department.caty,
        "atddrNo": department.doctor_code,
        "drName": department.doctor_name,
        "begntime": to_china(began_at),
        "diseinfoList": diagnoses,
        "feedetailList": lines,
    }


def _line(item: Item, department: Department, at: datetime, numbers: dict[str, str]) -> object:
    return {
        **numbers,
        "feeOcurTime": to_china(at),
        "medListCodg": item.national_code,
        "medinsListCodg": item.hospital_code,
        "medListName": item.name,
        "medListSpc": item.specification,
        "cnt": str(item.quantity),
        "pric": yuan(item.unit_price_fen),
        "detItemFeeSumamt": yuan(item.amount_fen),
        "bilgDeptCodg": department.code,
        "bilgDeptName": department.name,
        "bilgDrCodg": department.doctor_code,
        "bilgDrName": department.doctor_name,
    }


def _hypertension(department: Department, at: datetime) -> object:
    return {
        "diagType": "1",
        "diagSrtNo": "1",
        "diagCode": "I10.x00",
        "diagName": "特发性(原发性)高血压",
        "diagDept": department.code,
        "diseDorNo": department.doctor_code,
        "diseDorName": department.doctor_name,
        "diagTime": to_china(at),
    }
