"""Wire models of the two interfaces and of the payment list (contract 2.3, 2.4)."""

import base64
from collections.abc import Container
from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import Field, PlainValidator, ValidationInfo, field_validator

from api.web.models import (
    PERSONAL,
    TEXT_CHARS_MAX,
    CallModel,
    DataModel,
    invalid,
    missing,
    reading,
    title_of,
)
from domain.errors import ErrorCode, PaymentError
from domain.insurance import Split
from domain.orders import (
    Category,
    Channel,
    Order,
    PreSettleAnswer,
    Registers,
    SettlementAnswer,
    SettleRequest,
)
from domain.states import PaymentState
from domain.values import china_time as periods
from domain.values import identity, names
from domain.values.china_time import CHINA, to_china
from domain.values.fen import Fen, parse_total, yuan
from storage.records import PaymentQuery, Place

LONG_CHARS_MAX = 2000
ID_NO_CHARS_MAX = 64
"""More than any document's number with blanks, so that one that is not served is named rather than called too long."""

CURSOR_CHARS_MAX = 200
NUMBER_PATTERN = "^[A-Za-z0-9_-]{1,64}$"
PROPOSAL_ID = "5f3c0e9a4b7d41f2a6c8e1d09b37a254"
"""A sample."""
_DAY = "ISO日期(北京时间的一天)或日期时间; 无时区的按北京时间, 时区的+号须编码为%2B"
_CURSOR_RULE = "上一页响应头X-Next-Cursor的值"


def identity_number(text: str) -> str:
    """The number of a document that is served, in its clean form. Raises `PydanticCustomError`."""
    try:
        return identity.read(text, datetime.now(UTC).astimezone(CHINA).date())
    except identity.NumberRefusedError as refused:
        raise invalid(refused.reason) from None


def total_of(text: str) -> Fen:
    """The fen of an amount in yuan. Raises `PydanticCustomError`."""
    try:
        return parse_total(text)
    except ValueError:
        raise invalid("不正确: 须为0.01到9999999.99元, 最多两位小数") from None


PayAuthNo = Annotated[
    str,
    Field(
        alias="payAuthNo",
        title="支付授权码",
        description="渠道授权后取得; 一次有效, 约5到10分钟",
        examples=["AUTH202501010000000001"],
        max_length=LONG_CHARS_MAX,
    ),
]
PatientId = Annotated[
    str, Field(alias="PATIENT_ID", title="患者ID", description="医院信息系统的患者ID", examples=["100001"])
]
VisitId = Annotated[
    str | None, Field(alias="VISIT_ID", title="就诊ID", description="医院信息系统的就诊ID", examples=["V1"])
]
MedOrgOrd = Annotated[
    str,
    Field(
        alias="medOrgOrd",
        title="医院订单号",
        description="每笔交易唯一; 1到64位字母、数字、下划线或连字符",
        examples=["ORD20250101000001"],
        pattern=NUMBER_PATTERN,
        max_length=64,
    ),
]
GivenChannel = Annotated[
    Channel | None,
    reading(Channel, "只能是WeChat或Alipay"),
    Field(alias="CHANNEL", title="渠道", description="WeChat(默认)或Alipay", examples=["WeChat"]),
]


class PreSettleCall(CallModel):
    """Interface 1, 医保支付下单."""

    pay_auth_no: PayAuthNo
    uld_latlnt: str = Field(
        alias="uldLatlnt",
        title="经纬度",
        description='"经度,纬度", 或渠道返回的原文; 不作解析',
        examples=["112.549248,37.857014"],
    )
    patient_id: PatientId
    category: Annotated[Category, reading(Category, "只能是1(挂号)或2(门诊缴费)")] = Field(
        alias="CATEGORY", title="费用类别", description="1 挂号, 2 门诊缴费", examples=["2"]
    )
    visit_id: VisitId = None
    clinic_id: str | None = Field(
        None,
        alias="CLINIC_ID",
        title="号类ID",
        description="医院按号类核定挂号费",
        json_schema_extra={"x-required": "CATEGORY=1时"},
        validate_default=True,
    )
    order_id: str | None = Field(
        None,
        alias="ORDER_ID",
        title="处方ID",
        description="多个以|分隔, 不能有空的或重复的部分, 每部分至多128个字符",
        examples=["300001"],
        max_length=LONG_CHARS_MAX,
        json_schema_extra={"x-required": "CATEGORY=2时"},
        validate_default=True,
    )
    id_no: Annotated[str, PERSONAL, PlainValidator(identity_number)] = Field(
        alias="ID_NO",
        title="身份证号",
        description="居民身份证、港澳台居民居住证或外国人永久居留身份证的18位号码, 验证校验码; 必须与医院登记的一致",
        examples=["110101199003070134"],
        max_length=ID_NO_CHARS_MAX,
    )
    patient_name: Annotated[str | None, PERSONAL] = Field(
        None,
        alias="PATIENT_NAME",
        title="患者姓名",
        description="如提供, 必须与医院登记的一致; 间隔号、空格、全角半角、字母大小写的写法可以不同",
        examples=["张三"],
    )
    med_org_ord: MedOrgOrd
    total_fen: Annotated[Fen, PlainValidator(total_of)] = Field(
        alias="TOTAL",
        title="总金额",
        description="元, 0.01到9999999.99, 最多两位小数, 无符号和指数; 必须等于医院费用合计",
        examples=["128.50"],
    )
    channel: GivenChannel = None

    @field_validator("patient_name")
    @classmethod
    def _clean_name(cls, name: str | None) -> str | None:
        """None where nothing of it can be seen: as good as not given."""
        return names.clean(name or "") or None

    @field_validator("clinic_id")
    @classmethod
    def _of_a_registration(cls, clinic_id: str | None, info: ValidationInfo) -> str | None:
        """Only a registration has one; for a bill it is ignored, in the fingerprint too."""
        if info.data.get("category") is not Category.REGISTRATION:
            return None
        if clinic_id is None:
            raise missing()
        return clinic_id

    @field_validator("order_id")
    @classmethod
    def _of_a_bill(cls, order_id: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("category") is not Category.OUTPATIENT:
            return None
        if order_id is None:
            raise missing()
        parts = _parts(order_id)
        if not all(parts):
            raise invalid("不能有空的部分")
        if max(map(len, parts)) > TEXT_CHARS_MAX:
            raise invalid(f"每部分不能超过{TEXT_CHARS_MAX}个字符")
        if len(set(parts)) != len(parts):
            raise invalid("不能有重复的部分")
        return order_id

    def order(self, hospital: str) -> Order:
        """The order that this call places with the hospital."""
        return Order(
            hospital=hospital,
            med_org_ord=self.med_org_ord,
            pay_auth_no=self.pay_auth_no,
            uld_latlnt=self.uld_latlnt,
            patient_id=self.patient_id,
            category=self.category,
            id_no=self.id_no,
            total_fen=self.total_fen,
            channel=self.channel or Channel.WECHAT,
            visit_id=self.visit_id,
            clinic_id=self.clinic_id,
            order_ids=_parts(self.order_id) if self.order_id else (),
            patient_name=self.patient_name,
        )


class PreSettleData(DataModel):
    """Interface 1's answer."""

    pay_ord_id: str = Field(alias="payOrdId", title="医保订单号", examples=["PO2025010100000001"])
    fee_sumamt: str = Field(alias="feeSumamt", title="费用总额(元)", examples=["128.50"])
    own_pay_amt: str = Field(alias="ownPayAmt", title="现金支付金额(元)", examples=["25.70"])
    psn_acct_pay: str = Field(alias="psnAcctPay", title="个人账户支付金额(元)", examples=["25.70"])
    fund_pay: str = Field(alias="fundPay", title="统筹基金支付金额(元)", examples=["77.10"])
    patient_type_id: str = Field(alias="patientTypeId", title="患者类型ID", examples=["1"])
    ipt_otp_no: str = Field(alias="iptOtpNo", title="门诊号", examples=["MZ0001"])
    med_org_ord: str = Field(alias="medOrgOrd", title="医院订单号", examples=["ORD20250101000001"])
    balance: str = Field(alias="balance", title="个人账户余额(元), 支付前; 医保中心未返回时为空", examples=["500.00"])
    si_personal_no: str = Field(alias="siPersonalNo", title="医保个人编号", examples=["14010000000000001"])

    @classmethod
    def of(cls, answer: PreSettleAnswer) -> Self:
        return cls(
            pay_ord_id=answer.pay_ord_id,
            **split_amounts(answer.split),
            patient_type_id=answer.patient_type_id,
            ipt_otp_no=answer.ipt_otp_no,
            med_org_ord=answer.med_org_ord,
            balance="" if answer.balance_fen is None else yuan(answer.balance_fen),
            si_personal_no=answer.si_personal_no,
        )


class SettleCall(CallModel):
    """Interface 2, 医保支付结果回写. Whether VISIT_ID is required depends on the payment: see `check_visit_id`."""

    pay_ord_id: str = Field(
        alias="payOrdId", title="医保订单号", description="医保支付下单返回的payOrdId", examples=["PO2025010100000001"]
    )
    patient_id: PatientId = Field(description="必须是该订单的患者")
    visit_id: VisitId = Field(
        None,
        description="挂号(CATEGORY=1)可不填, 由支付服务在扣款后登记, 并在返回的VISIT_ID中给出",
        json_schema_extra={"x-required": "CATEGORY=2时"},
    )
    med_org_ord: MedOrgOrd
    channel: GivenChannel = Field(None, description="如提供, 必须与下单时一致")

    def request(self, hospital: str) -> SettleRequest:
        """The request to this hospital's payment."""
        return SettleRequest(
            hospital=hospital,
            med_org_ord=self.med_org_ord,
            pay_ord_id=self.pay_ord_id,
            patient_id=self.patient_id,
            visit_id=self.visit_id,
            channel=self.channel,
        )


class SettleData(DataModel):
    """Interface 2's answer."""

    pay_ord_id: str = Field(alias="payOrdId", title="医保订单号", examples=["PO2025010100000001"])
    med_org_ord: str = Field(alias="medOrgOrd", title="医院订单号", examples=["ORD20250101000001"])
    trace_time: str = Field(
        alias="traceTime", title="医保结算时间, yyyy-MM-dd HH:mm:ss, 北京时间", examples=["2025-01-01 10:20:30"]
    )
    setl_type: str = Field(alias="setlType", title="结算类型: ALL 现金与医保, CASH 仅现金, HI 仅医保", examples=["ALL"])
    fee_sumamt: str = Field(alias="feeSumamt", title="费用总额(元)", examples=["128.50"])
    own_pay_amt: str = Field(alias="ownPayAmt", title="现金支付金额(元)", examples=["25.70"])
    psn_acct_pay: str = Field(alias="psnAcctPay", title="个人账户支付金额(元)", examples=["25.70"])
    revs_token: str = Field(
        alias="revsToken", title="冲正令牌, 自traceTime起1小时有效, 过期后为空", examples=["RT2025010100000001"]
    )
    fund_pay: str = Field(alias="fundPay", title="统筹基金支付金额(元)", examples=["77.10"])
    visit_id: str = Field(alias="VISIT_ID", title="就诊ID; 挂号由支付服务登记时, 在此给出", examples=["V1"])

    @classmethod
    def of(cls, answer: SettlementAnswer, now: datetime) -> Self:
        """revsToken is answered only while it is valid (product rule 12)."""
        settlement = answer.settlement
        return cls(
            pay_ord_id=answer.pay_ord_id,
            med_org_ord=answer.med_org_ord,
            trace_time=to_china(settlement.trace_time),
            setl_type=settlement.setl_type.value,
            **split_amounts(settlement.split),
            revs_token=settlement.revs_token if now < settlement.reversal_deadline else "",
            visit_id=answer.visit_id or "",
        )


class ListCall(CallModel):
    """Filters of the payment list, and where its page begins."""

    state: Annotated[PaymentState | None, reading(PaymentState, f"只能是{'、'.join(PaymentState)}")] = Field(
        None, alias="state", title="支付状态", description="支付状态之一, 如PRE_SETTLED"
    )
    channel: Annotated[Channel | None, reading(Channel, f"只能是{'、'.join(Channel)}")] = Field(
        None, alias="channel", title="渠道", description="WeChat或Alipay"
    )
    category: Annotated[Category | None, reading(Category, f"只能是{'、'.join(Category)}")] = Field(
        None, alias="category", title="费用类别", description="1 挂号, 2 门诊缴费"
    )
    begins: Annotated[datetime | None, reading(periods.beginning, f"不正确: 须为{_DAY}")] = Field(
        None, alias="from", title="受理时间起", description=f"含; {_DAY}"
    )
    ends: Annotated[datetime | None, reading(periods.end, f"不正确: 须为{_DAY}")] = Field(
        None, alias="to", title="受理时间止", description=f"日期含当天, 日期时间不含该时刻; {_DAY}"
    )
    cursor: str | None = Field(
        None, alias="cursor", title="分页位置", description=_CURSOR_RULE, max_length=CURSOR_CHARS_MAX
    )

    @field_validator("ends")
    @classmethod
    def _after_the_beginning(cls, ends: datetime | None, info: ValidationInfo) -> datetime | None:
        begins = info.data.get("begins")
        if begins is not None and ends is not None and begins >= ends:
            raise invalid(f"必须晚于{title_of(cls, 'from')}")
        return ends

    @field_validator("cursor")
    @classmethod
    def _is_a_place(cls, cursor: str | None) -> str | None:
        try:
            _place_of(cursor)
        except (ValueError, PaymentError):
            raise invalid(f"不正确: 须为{_CURSOR_RULE}") from None
        return cursor

    def query(self, hospital: str) -> PaymentQuery:
        """The filters, for this hospital's payments."""
        return PaymentQuery(
            hospital=hospital,
            state=self.state,
            channel=self.channel,
            category=self.category,
            begins=self.begins,
            ends=self.ends,
        )

    def place(self) -> Place | None:
        """Where the page begins; None: at the newest payment."""
        return _place_of(self.cursor)


class OrderPath(CallModel):
    """The medOrgOrd in a path."""

    med_org_ord: MedOrgOrd


def cursor_of(place: Place) -> str:
    """A place in the list as the caller sends it back. Unsigned: it discloses nothing and opens no other hospital."""
    return base64.urlsafe_b64encode(f"{place.accepted_at.isoformat()} {place.med_org_ord}".encode("ascii")).decode()


def check_visit_id(request: SettleRequest, order: Order, registers: Registers) -> None:
    """Raise `PaymentError` MISSING_FIELD if VISIT_ID is absent and it is not us who register (product rule 9)."""
    we_register = order.category is Category.REGISTRATION and registers is Registers.MEDPAY
    if request.visit_id is None and not we_register:
        raise PaymentError(ErrorCode.MISSING_FIELD, f"{title_of(SettleCall, 'VISIT_ID')}不能为空")


def check_document(id_no: str, served: Container[identity.Document]) -> None:
    """Raise `PaymentError` INVALID_FIELD if the hospital's centre doesn't serve this number's document."""
    document = identity.document_of(id_no)
    if document not in served:
        reason = f"是{document.in_chinese}号码, 本院的医保中心暂不支持该证件"
        raise PaymentError(ErrorCode.INVALID_FIELD, f"{title_of(PreSettleCall, 'ID_NO')}{reason}")


def split_amounts(split: Split) -> dict[str, str]:
    """The amounts of an answer in yuan, by field name."""
    return {
        "fee_sumamt": yuan(split.fee_sum_fen),
        "own_pay_amt": yuan(split.own_pay_fen),
        "psn_acct_pay": yuan(split.psn_acct_fen),
        "fund_pay": yuan(split.fund_fen),
    }


def _place_of(cursor: str | None) -> Place | None:
    """Raises ValueError or `PaymentError` for a cursor that is not one of ours."""
    if cursor is None:
        return None
    moment, _, number = base64.urlsafe_b64decode(cursor.encode("ascii")).decode("ascii").partition(" ")
    accepted_at = periods.beginning(moment)
    return Place(accepted_at=accepted_at, med_org_ord=OrderPath.read({"medOrgOrd": number}).med_org_ord)


def _parts(order_id: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in order_id.split("|"))
