"""The patient and the bill to be paid, as HIS answers them."""

from datetime import datetime

from domain.base import Frozen
from domain.values.fen import Fen


class Patient(Frozen):
    """HIS's patient, `name` in its clean form. Without `psn_no` the patient is not insured and cannot pay this way."""

    patient_id: str
    name: str
    id_no: str
    patient_type_id: str
    ipt_otp_no: str
    psn_no: str = ""
    insutype: str = ""
    insu_code: str = ""


class Diagnosis(Frozen):
    """One entry of 6201's diseinfoList."""

    diag_type: str
    serial: int
    code: str
    name: str
    department: str
    doctor_code: str
    doctor_name: str
    diagnosed_at: datetime


class FeeLine(Frozen):
    """One entry of 6201's feedetailList. `quantity` and `unit_price` are decimal texts; only `amount_fen` counts."""

    serial: str
    order_id: str
    occurred_at: datetime
    national_code: str
    hospital_code: str
    name: str
    specification: str = ""
    quantity: str
    unit_price: str
    amount_fen: Fen
    department_code: str
    department_name: str
    doctor_code: str
    doctor_name: str


class Fees(Frozen):
    """The priced fees of a registration or of prescriptions."""

    patient_id: str
    mdtrt_id: str
    department_code: str
    department_name: str
    caty: str
    doctor_code: str
    doctor_name: str
    began_at: datetime
    diagnoses: tuple[Diagnosis, ...]
    lines: tuple[FeeLine, ...]

    @property
    def total_fen(self) -> Fen:
        return Fen(sum(line.amount_fen for line in self.lines))


class Bill(Frozen):
    """The priced order: the patient and the fees."""

    patient: Patient
    fees: Fees
