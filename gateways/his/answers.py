"""HIS's answers (docs/his-port.md): read in every spelling that the page lists, else an error that names the field.

One tolerance for all fields. A text may come as a number, which is taken as it was written; texts are cleaned of what
nobody sees. A number may come as a text. A missing field, or one of another type, is never guessed.
"""

from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from domain.bills import Diagnosis, FeeLine, Fees
from domain.errors import Unknown
from domain.values import names
from domain.values.china_time import from_party
from domain.values.decimals import plain, whole
from domain.values.fen import Fen, parse_yuan
from domain.values.texts import clean, shortened
from gateways.his.port import Registration

TEXT_CHARS_MAX = 128
LINES_MAX = 500
DIAGNOSES_MAX = 50
QUANTITY_DECIMALS_MAX = 4
PRICE_DECIMALS_MAX = 6

_YES = frozenset({"true", "t", "yes", "y", "1"})
_NO = frozenset({"false", "f", "no", "n", "0"})


def _text(value: object) -> str:
    """Numbers are texts already, see `gateways.exact_json`."""
    if not isinstance(value, str):
        raise ValueError("not a text")
    return clean(value)


def _fen(value: object) -> Fen:
    return parse_yuan(_text(value))


def _moment(value: object) -> datetime:
    return from_party(_text(value))


def _number(value: object) -> int:
    return whole(_text(value))


def _quantity(value: object) -> str:
    return plain(_text(value), QUANTITY_DECIMALS_MAX)


def _name(text: str) -> str:
    if not (name := names.clean(text)):
        raise ValueError("nothing to be seen")
    return name


def _price(value: object) -> str:
    return plain(_text(value), PRICE_DECIMALS_MAX)


def _yes(value: object) -> bool:
    if isinstance(value, bool):
        return value
    word = _text(value).lower()
    if word not in _YES | _NO:
        raise ValueError("neither yes nor no")
    return word in _YES


def _recorded(value: object) -> str:
    return shortened(_text(value), TEXT_CHARS_MAX)


def _absent(value: object) -> str:
    return "" if value is None else _text(value)


Text = Annotated[str, Field(min_length=1, max_length=TEXT_CHARS_MAX), BeforeValidator(_text)]
Name = Annotated[Text, AfterValidator(_name)]
OptionalText = Annotated[str, Field(max_length=TEXT_CHARS_MAX), BeforeValidator(_absent)]
RecordNumber = Annotated[str, Field(min_length=1, max_length=TEXT_CHARS_MAX), BeforeValidator(_recorded)]
"""A number of HIS's that we only keep, and that comes when the money has moved: no length makes it unusable."""

Quantity = Annotated[str, BeforeValidator(_quantity)]
Price = Annotated[str, BeforeValidator(_price)]
Amount = Annotated[Fen, Field(ge=0), BeforeValidator(_fen)]
Moment = Annotated[datetime, BeforeValidator(_moment)]
Ordinal = Annotated[int, Field(ge=1, le=DIAGNOSES_MAX), BeforeValidator(_number)]
Code = Annotated[int, BeforeValidator(_number)]
Found = Annotated[bool, BeforeValidator(_yes)]


class Answer(BaseModel):
    """Errors must not contain the input, which is a patient's data."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", hide_input_in_errors=True)


class Envelope(Answer):
    code: Code = Field(alias="CODE")
    data: Any = Field(default=None, alias="DATA")


class PatientAnswer(Answer):
    name: Name = Field(alias="PATIENT_NAME")
    id_no: Text = Field(alias="ID_NO")
    patient_type_id: Text = Field(alias="patientTypeId")
    ipt_otp_no: Text = Field(alias="iptOtpNo")
    psn_no: OptionalText = Field(default="", alias="psnNo")


class InsuranceAnswer(Answer):
    """The further fields of a patient with a psnNo."""

    insutype: Text
    insu_code: Text = Field(alias="insuCode")


class DiagnosisAnswer(Answer):
    diag_type: Text = Field(alias="diagType")
    serial: Ordinal = Field(alias="diagSrtNo")
    code: Text = Field(alias="diagCode")
    name: Text = Field(alias="diagName")
    department: Text = Field(alias="diagDept")
    doctor_code: Text = Field(alias="diseDorNo")
    doctor_name: Text = Field(alias="diseDorName")
    diagnosed_at: Moment = Field(alias="diagTime")


class FeeLineAnswer(Answer):
    serial: Text = Field(alias="feedetlSn")
    order_id: OptionalText = Field(default="", alias="rxno")
    occurred_at: Moment = Field(alias="feeOcurTime")
    national_code: Text = Field(alias="medListCodg")
    hospital_code: Text = Field(alias="medinsListCodg")
    name: Text = Field(alias="medListName")
    specification: OptionalText = Field(default="", alias="medListSpc")
    quantity: Quantity = Field(alias="cnt")
    unit_price: Price = Field(alias="pric")
    amount_fen: Amount = Field(alias="detItemFeeSumamt")
    department_code: Text = Field(alias="bilgDeptCodg")
    department_name: Text = Field(alias="bilgDeptName")
    doctor_code: Text = Field(alias="bilgDrCodg")
    doctor_name: Text = Field(alias="bilgDrName")


class FeesAnswer(Answer):
    patient_id: Text = Field(alias="PATIENT_ID")
    mdtrt_id: Text = Field(alias="mdtrtId")
    department_code: Text = Field(alias="deptCode")
    department_name: Text = Field(alias="deptName")
    caty: Text
    doctor_code: Text = Field(alias="atddrNo")
    doctor_name: Text = Field(alias="drName")
    began_at: Moment = Field(alias="begntime")
    diagnoses: list[DiagnosisAnswer] = Field(alias="diseinfoList", max_length=DIAGNOSES_MAX)
    lines: list[FeeLineAnswer] = Field(alias="feedetailList", min_length=1, max_length=LINES_MAX)

    def fees(self) -> Fees:
        """The fees, with diagnoses in the order of their numbers: 6201 takes the first as the main one."""
        in_order = sorted(self.diagnoses, key=lambda diagnosis: diagnosis.serial)
        diagnoses = tuple(Diagnosis(**diagnosis.model_dump()) for diagnosis in in_order)
        lines = tuple(FeeLine(**line.model_dump()) for line in self.lines)
        return Fees(**self.model_dump(exclude={"diagnoses", "lines"}), diagnoses=diagnoses, lines=lines)


class VisitAnswer(Answer):
    patient_id: Text = Field(alias="PATIENT_ID")


class RegisterAnswer(Answer):
    visit_id: Text = Field(alias="VISIT_ID")


class SettleAnswer(Answer):
    settlement_no: RecordNumber = Field(alias="settlementNo")


class FoundAnswer(Answer):
    found: Found = Field(alias="FOUND")


class RegistrationAnswer(Answer):
    visit_id: Text = Field(alias="VISIT_ID")
    patient_id: Text = Field(alias="PATIENT_ID")

    def registration(self) -> Registration:
        return Registration(**self.model_dump())


A = TypeVar("A", bound=Answer)


def read(transaction: str, shape: type[A], value: object) -> A:
    """`value` as `shape`. Raises `Unknown`, which names the first invalid field but never its value."""
    try:
        return shape.model_validate(value)
    except ValidationError as error:
        field = ".".join(str(part) for part in error.errors(include_input=False)[0]["loc"]) or "DATA"
    raise Unknown(transaction, f"医院系统答复缺少字段或格式不符({field}), 结果未知", answered=True)
