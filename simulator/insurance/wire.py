"""The centre's requests (protocol 3.2), with amounts in fen, and its refusals."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

from gateways.insurance.canonical import cleaned
from simulator.core.fields import Amount, ChinaTime

LINES_MAX = 5_000


class CentreRefusal(Exception):
    """A signed answer whose code is not 0. `message` is Chinese and names the field."""

    def __init__(self, message: str, code: int = -1) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


Text = Annotated[str, StringConstraints(max_length=256)]
IdNo = Annotated[Text, AfterValidator(str.upper)]


class Asked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel)


class Diagnosis(Asked):
    """An entry of 6201's diseinfoList."""

    diag_time: ChinaTime | None = None


class FeeDetail(Asked):
    """An entry of 6201's feedetailList. The protocol requires only the amount; the rest must agree with the head."""

    det_item_fee_sumamt: Amount
    feedetl_sn: Text | None = None
    chrg_bchno: Text | None = None
    mdtrt_id: Text | None = None
    psn_no: Text | None = None
    fee_ocur_time: ChinaTime | None = None


class UploadAsked(Asked):
    """6201."""

    org_codg: Text
    psn_no: Text
    insutype: Text
    med_org_ord: Text
    begntime: ChinaTime
    id_no: IdNo
    user_name: Text
    id_type: Text
    ec_token: Text | None = None
    pay_auth_no: Text | None = None
    insu_code: Text
    ipt_otp_no: Text
    dept_code: Text
    dept_name: Text
    caty: Text
    mdtrt_id: Text | None = None
    med_type: Literal["11", "12"]
    fee_type: Text
    medfee_sumamt: Annotated[Amount, Field(ge=1)]
    acct_used_flag: Literal["0", "1"] | None = None
    psn_setlway: Literal["01"]
    chrg_bchno: Text
    uld_latlnt: Text
    mdtrt_cert_type: Text
    diseinfo_list: Annotated[tuple[Diagnosis, ...], Field(max_length=LINES_MAX)] = ()
    feedetail_list: Annotated[tuple[FeeDetail, ...], Field(max_length=LINES_MAX)]


class PlacementAsked(Asked):
    """6202."""

    pay_auth_no: Text
    pay_ord_id: Text
    pay_token: Text
    org_codg: Text
    org_biz_ser: Text
    chrg_bchno: Text
    fee_type: Text
    mdtrt_id: Text
    acct_used_flag: Literal["0", "1"]


class OrderAsked(Asked):
    """6301 and 6401."""

    pay_ord_id: Text
    org_codg: Text
    pay_token: Text
    id_no: IdNo
    user_name: Text
    id_type: Text


class RefundAsked(Asked):
    """6203."""

    pay_ord_id: Text
    app_refd_sn: Text
    app_refd_time: ChinaTime
    totl_refd_amt: Annotated[Amount, Field(ge=1)]
    psn_acct_refd_amt: Amount
    fund_refd_amt: Amount
    cash_refd_amt: Amount
    refd_type: Literal["ALL", "CASH", "HI"]
    ec_token: Text | None = None
    pay_auth_no: Text | None = None
    revs_token: Text | None = None


A = TypeVar("A", bound=Asked)


def asked(shape: type[A], data: Mapping[str, Any]) -> A:
    """`data` as `shape`; empty means missing. Raises `CentreRefusal` naming the missing or malformed fields."""
    try:
        return shape.model_validate(cleaned(data))
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False, include_context=False)
    absent = [_named(each["loc"]) for each in errors if each["type"] == "missing"]
    if absent:
        raise CentreRefusal(f"必填字段缺失: {', '.join(absent)}")
    raise CentreRefusal(f"字段格式不符: {', '.join(_named(each['loc']) for each in errors)}")


def _named(loc: tuple[int | str, ...]) -> str:
    """Such as `feedetailList[2].detItemFeeSumamt`, counting entries from 1."""
    name = "".join(f"[{step + 1}]" if isinstance(step, int) else f".{step}" for step in loc)
    return name.removeprefix(".")
