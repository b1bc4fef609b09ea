"""The fictional hospital of the HIS simulator: people, clinics, visits and unpaid prescriptions."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Person:
    """A patient. `psn_no`: empty if not insured."""

    patient_id: str
    name: str
    id_no: str
    psn_no: str


@dataclass(frozen=True)
class Department:
    """`caty`: the national speciality code. `doctor_code`: the national doctor code."""

    code: str
    name: str
    caty: str
    doctor_code: str
    doctor_name: str


@dataclass(frozen=True)
class Clinic:
    name: str
    price_fen: int
    department: Department


@dataclass(frozen=True)
class Item:
    """A line of a bill: `quantity` times `unit_price_fen`."""

    national_code: str
    hospital_code: str
    name: str
    specification: str
    quantity: int
    unit_price_fen: int

    @property
    def amount_fen(self) -> int:
        return self.quantity * self.unit_price_fen


@dataclass(frozen=True)
class Prescription:
    order_id: str
    patient_id: str
    items: tuple[Item, ...]

    @property
    def amount_fen(self) -> int:
        return sum(item.amount_fen for item in self.items)


CARDIOLOGY_1 = Department("A0304", "心内一科", "A03.04", "D110101000001", "王医生")
CARDIOLOGY_2 = Department("A0305", "心内二科", "A03.04", "D110101000002", "赵医生")

# From 100004 on, one of each document that is served, their names as HIS's registers are known to write them.
PEOPLE = {
    person.patient_id: person
    for person in (
        Person("100001", "张三", "110101199003070134", "11010000000000100001"),
        Person("100002", "李四", "11010119900307109X", "11010000000000100002"),
        Person("100003", "王五", "110101199003072711", ""),
        Person("100004", "陈\u3000大文", "810000198309210012", "11010000000000100004"),
        Person("100005", "何\u3000美", "820000199104100019", "11010000000000100005"),
        Person("100006", "林\u200b建国", "830000197503150016", "11010000000000100006"),
        Person("100007", "Mary  Ann ＳＭＩＴＨ", "911156198607040017", "11010000000000100007"),
        Person("100008", "买买提•艾力", "460100197705120014", "11010000000000100008"),
    )
}
CLINICS = {
    "200001": Clinic("心内一科诊室", 2500, CARDIOLOGY_1),
    "200002": Clinic("心内二科诊室", 5000, CARDIOLOGY_2),
}
VISITS = {f"V{patient_id[-1]}": patient_id for patient_id in PEOPLE}
"""VISIT_ID to PATIENT_ID."""

_AMLODIPINE = ("XC08CAB139A001010100001", "YP0101", "苯磺酸氨氯地平片", "5mg*7片")
_METOPROLOL = ("XC07ABM135A001010100002", "YP0102", "酒石酸美托洛尔片", "25mg*20片")
_CARDIOGRAM = ("003107010010000-310701001", "ZL0001", "常规心电图检查", "次")
_CATHETER = ("C0203010010000000000001", "HC0001", "冠状动脉造影导管", "根")
_SYRINGE = ("C1401010010000000000001", "HC0002", "一次性使用注射器", "支")
_ANY = ("XA01AAX001A001010100003", "YP0999", "门诊用药", "盒")

PRESCRIPTIONS = {
    bill.order_id: bill
    for bill in (
        Prescription(
            "300001",
            "100001",
            (Item(*_AMLODIPINE, 1, 3650), Item(*_METOPROLOL, 2, 2600), Item(*_CARDIOGRAM, 1, 4000)),
        ),
        Prescription("300002", "100001", (Item(*_AMLODIPINE, 2, 3815),)),
        Prescription("300003", "100001", (Item(*_SYRINGE, 1, 1),)),
        Prescription("300101", "100002", (Item(*_CATHETER, 1, 199_999),)),
    )
}

_ENDLESS = re.compile(r"9[0-9]{5,63}", re.ASCII)
_ENDLESS_CLINIC = re.compile(r"29[0-9]{5,62}", re.ASCII)


def plain_bill(order_id: str, patient_id: str, amount_fen: int) -> Prescription:
    """A prescription of one line."""
    return Prescription(order_id, patient_id, (Item(*_ANY, 1, amount_fen),))


def endless_bill(order_id: str, patient_id: str) -> Prescription | None:
    """A prescription that exists for any patient, `9` and 5 to 63 digits, so that load tests never run out."""
    if _ENDLESS.fullmatch(order_id) is None:
        return None
    return plain_bill(order_id, patient_id, int(order_id[-5:]) + 1)


def clinic_of(clinic_id: str) -> Clinic | None:
    """A clinic. `29` and 5 to 62 digits is always one, at the first clinic's price.

    So load tests never run out of clinics, although a patient can register only once a day at each.
    """
    if _ENDLESS_CLINIC.fullmatch(clinic_id):
        return CLINICS["200001"]
    return CLINICS.get(clinic_id)


def registration_item(clinic: Clinic) -> Item:
    return Item("001101000010000-110100001", "GH0001", "挂号费", "次", 1, clinic.price_fen)
