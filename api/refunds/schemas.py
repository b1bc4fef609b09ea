"""A refund (contract 2.4): what a caller sends, and what makes it a valid wish."""

from dataclasses import replace

from api.payments.pre_settle_fields import PAY_AUTH_NO
from api.web.fields import Field
from api.web.p_json import Fields
from domain.base import PaymentKey
from domain.fen import Fen, parse_total
from domain.insurance import RefundType
from domain.refunds import RefundOrder

REFUND_NO = Field(
    "refundNo",
    "退款单号",
    "RFD20250101000001",
    rule="每笔退款唯一; 1到64位字母、数字、下划线或连字符; 用同一退款单号重复调用是安全的",
    pattern="[A-Za-z0-9_-]{1,64}",
    chars_max=64,
)
TYPE = Field("type", "退款类型", "CASH", rule="ALL 全部(须未退过), CASH 仅现金, HI 仅医保")
AMOUNT = Field(
    "amount",
    "退款金额",
    "10.00",
    required="否",
    rule="元, 最多两位小数; 仅type为CASH时可填, 可分次; 不填则退其余全部现金",
)
REASON = Field("reason", "退款原因", "患者退药", rule="随退费发给医保中心")

TABLE = (REFUND_NO, TYPE, AMOUNT, replace(PAY_AUTH_NO, rule="患者为退款再次授权后取得; 一次有效, 约5到10分钟"), REASON)


def read_refund_order(fields: Fields, key: PaymentKey, requested_by: str) -> RefundOrder:
    """Raises `PaymentError` MISSING_FIELD or INVALID_FIELD for the first field, in the table's order, that is wrong."""
    refund_no = REFUND_NO.demand(fields)
    refund_type = _type(fields)
    return RefundOrder(
        hospital=key.hospital,
        med_org_ord=key.med_org_ord,
        refund_no=refund_no,
        refund_type=refund_type,
        amount_fen=_amount(fields, refund_type),
        pay_auth_no=PAY_AUTH_NO.demand(fields),
        reason=REASON.demand(fields),
        requested_by=requested_by,
    )


def _type(fields: Fields) -> RefundType:
    try:
        return RefundType(TYPE.demand(fields))
    except ValueError:
        raise TYPE.invalid("只能是ALL, CASH或HI") from None


def _amount(fields: Fields, refund_type: RefundType) -> Fen | None:
    text = AMOUNT.read(fields)
    if text is None:
        return None
    if refund_type is not RefundType.CASH:
        raise AMOUNT.invalid("只有退现金(type=CASH)时可以填写")
    try:
        return parse_total(text)
    except ValueError:
        raise AMOUNT.invalid("不正确: 须为0.01到9999999.99元, 最多两位小数") from None
