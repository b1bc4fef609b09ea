"""HIS's requests (docs/his-port.md) and refusals."""

from typing import Annotated, Literal, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from domain.values.fen import Fen
from simulator.core.fields import Amount, ChinaTime


class HisRefusal(Exception):
    """A business answer with a CODE other than 0."""

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason


def _as_text(value: object) -> object:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Text = Annotated[str, StringConstraints(min_length=1, max_length=128)]
OrderIds = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Loose = BeforeValidator(_as_text)


class Asked(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class PatientAsked(Asked):
    patient_id: Text = Field(alias="PATIENT_ID")


class RegistrationFeesAsked(PatientAsked):
    clinic_id: Text = Field(alias="CLINIC_ID")


class PrescriptionFeesAsked(PatientAsked):
    order_id: OrderIds = Field(alias="ORDER_ID")


class VisitAsked(Asked):
    visit_id: Text = Field(alias="VISIT_ID")


class QueryAsked(Asked):
    med_org_ord: Text = Field(alias="medOrgOrd")


class RegisterAsked(RegistrationFeesAsked):
    """The fields that only medpay knows are optional: a caller may register by itself before the payment."""

    med_org_ord: Text = Field(alias="medOrgOrd")
    psn_acct_fen: Amount = Field(default=Fen(0), alias="psnAcctPay")
    fund_fen: Amount = Field(default=Fen(0), alias="fundPay")
    balance_fen: Amount | None = Field(default=None, alias="balance")
    patient_type_id: Text | None = Field(default=None, alias="patientTypeId")
    ipt_otp_no: Text | None = Field(default=None, alias="iptOtpNo")
    si_personal_no: Text | None = Field(default=None, alias="siPersonalNo")


class SettleAsked(PatientAsked):
    med_org_ord: Text = Field(alias="medOrgOrd")
    category: Literal["1", "2"] = Field(alias="CATEGORY")
    clinic_id: Text | None = Field(default=None, alias="CLINIC_ID")
    order_id: OrderIds | None = Field(default=None, alias="ORDER_ID")
    visit_id: Text | None = Field(default=None, alias="VISIT_ID")
    pay_ord_id: Text = Field(alias="payOrdId")
    fee_sum_fen: Amount = Field(alias="feeSumamt")
    own_pay_fen: Amount = Field(alias="ownPayAmt")
    psn_acct_fen: Amount = Field(alias="psnAcctPay")
    fund_fen: Amount = Field(alias="fundPay")
    other_fen: Amount = Field(default=Fen(0), alias="othFeeAmt")
    hospital_part_fen: Amount = Field(default=Fen(0), alias="hospPartAmt")
    trace_time: ChinaTime = Field(alias="traceTime")
    setl_type: Literal["ALL", "CASH", "HI"] = Field(alias="setlType")

    @model_validator(mode="after")
    def _names_its_bill(self) -> Self:
        if (self.clinic_id if self.category == "1" else self.order_id) is None:
            raise ValueError("CLINIC_ID or ORDER_ID")
        return self

    @property
    def adds_up(self) -> bool:
        parts = (self.own_pay_fen, self.psn_acct_fen, self.fund_fen, self.other_fen, self.hospital_part_fen)
        return sum(parts) == self.fee_sum_fen


class CancelAsked(PatientAsked):
    med_org_ord: Text = Field(alias="medOrgOrd")
    visit_id: Text = Field(alias="VISIT_ID")


class RefundAsked(QueryAsked):
    refund_no: Text = Field(alias="refundNo")
    amount_fen: Amount = Field(alias="totlRefdAmt")


class NewBill(Asked):
    """`POST /_sim/bills`, which is typed by hand: numbers are accepted as texts."""

    order_id: Annotated[str, Loose, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = Field(alias="ORDER_ID")
    patient_id: Annotated[str, Loose] = Field(alias="PATIENT_ID")
    amount_fen: Annotated[Amount, Loose, Field(ge=1)] = Field(alias="amount")


A = TypeVar("A", bound=Asked)


def asked(shape: type[A], body: object) -> A:
    """`body` as `shape`. Raises `HisRefusal` naming the invalid field."""
    try:
        return shape.model_validate(body)
    except ValidationError as error:
        where = error.errors()[0]["loc"]
    field = str(where[0]) if where else "CLINIC_ID/ORDER_ID"
    raise HisRefusal(f"字段缺失或格式不符: {field}")
