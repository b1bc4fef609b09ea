"""Interface 1, 医保支付下单 (pre-settlement): what a caller sends, and what makes it a valid order."""

import re
from dataclasses import replace

from stdnum.cn import ric
from stdnum.exceptions import ValidationError

from api.payments.order_fields import CHANNEL, MED_ORG_ORD, PATIENT_ID, VISIT_ID, read_channel
from api.web.fields import Field
from api.web.p_json import Fields
from domain.fen import Fen, parse_total
from domain.orders import Category, Channel, Order

LONG_CHARS_MAX = 2000
_ID_NO_SHAPE = re.compile(r"[0-9]{17}[0-9Xx]", re.ASCII)

PAY_AUTH_NO = Field(
    "payAuthNo",
    "支付授权码",
    "AUTH202501010000000001",
    rule="渠道授权后取得; 一次有效, 约5到10分钟",
    chars_max=LONG_CHARS_MAX,
)
ULD_LATLNT = Field("uldLatlnt", "经纬度", "112.549248,37.857014", rule='"经度,纬度", 或渠道返回的原文; 不作解析')
CATEGORY = Field("CATEGORY", "费用类别", "2", rule="1 挂号, 2 门诊缴费")
CLINIC_ID = Field("CLINIC_ID", "号类ID", "", required="CATEGORY=1时", rule="医院按号类核定挂号费")
ORDER_ID = Field(
    "ORDER_ID",
    "处方ID",
    "300001",
    required="CATEGORY=2时",
    rule="多个以|分隔, 不能有空的或重复的部分",
    chars_max=LONG_CHARS_MAX,
)
ID_NO = Field(
    "ID_NO", "身份证号", "110101199003070134", rule="18位居民身份证号, 验证校验码; 必须与医院登记的一致", chars_max=18
)
PATIENT_NAME = Field("PATIENT_NAME", "患者姓名", "张三", required="否", rule="如提供, 必须与医院登记的一致")
TOTAL = Field(
    "TOTAL", "总金额", "128.50", rule="元, 0.01到9999999.99, 最多两位小数, 无符号和指数; 必须等于医院费用合计"
)

TABLE = (
    PAY_AUTH_NO,
    ULD_LATLNT,
    PATIENT_ID,
    CATEGORY,
    replace(VISIT_ID, example="V1"),
    CLINIC_ID,
    ORDER_ID,
    ID_NO,
    PATIENT_NAME,
    MED_ORG_ORD,
    TOTAL,
    CHANNEL,
)
TITLES = {field.name: field.title for field in TABLE}
"""Both spellings of a field by its name on the wire."""


def read_order(fields: Fields, hospital: str) -> Order:
    """The order of this hospital in a call's fields.

    Raises `PaymentError` MISSING_FIELD or INVALID_FIELD for the first field, in the table's order, that is wrong.
    """
    pay_auth_no = PAY_AUTH_NO.demand(fields)
    uld_latlnt = ULD_LATLNT.demand(fields)
    patient_id = PATIENT_ID.demand(fields)
    category = _category(fields)
    return Order(
        hospital=hospital,
        pay_auth_no=pay_auth_no,
        uld_latlnt=uld_latlnt,
        patient_id=patient_id,
        category=category,
        visit_id=VISIT_ID.read(fields),
        clinic_id=_clinic_id(fields, category),
        order_ids=_order_ids(fields, category),
        id_no=_id_no(fields),
        patient_name=PATIENT_NAME.read(fields),
        med_org_ord=MED_ORG_ORD.demand(fields),
        total_fen=_total(fields),
        channel=read_channel(fields) or Channel.WECHAT,
    )


def _category(fields: Fields) -> Category:
    try:
        return Category(CATEGORY.demand(fields))
    except ValueError:
        raise CATEGORY.invalid("只能是1(挂号)或2(门诊缴费)") from None


def _clinic_id(fields: Fields, category: Category) -> str | None:
    """Only a registration has one: what a bill's call says of it is checked, then left out of the fingerprint too."""
    if category is Category.REGISTRATION:
        return CLINIC_ID.demand(fields)
    CLINIC_ID.read(fields)
    return None


def _order_ids(fields: Fields, category: Category) -> tuple[str, ...]:
    if category is not Category.OUTPATIENT:
        ORDER_ID.read(fields)
        return ()
    parts = tuple(part.strip() for part in ORDER_ID.demand(fields).split("|"))
    if not all(parts):
        raise ORDER_ID.invalid("不能有空的部分")
    if len(set(parts)) != len(parts):
        raise ORDER_ID.invalid("不能有重复的部分")
    return parts


def _id_no(fields: Fields) -> str:
    text = ID_NO.demand(fields)
    if not _ID_NO_SHAPE.fullmatch(text):
        raise ID_NO.invalid("不正确: 只支持18位居民身份证号")
    try:
        valid: str = ric.validate(text.upper())
    except ValidationError:
        raise ID_NO.invalid("不正确: 出生日期、地区或校验码有误") from None
    return valid


def _total(fields: Fields) -> Fen:
    try:
        return parse_total(TOTAL.demand(fields))
    except ValueError:
        raise TOTAL.invalid("不正确: 须为0.01到9999999.99元, 最多两位小数") from None
