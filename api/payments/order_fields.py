"""The fields that both interfaces share, and CHANNEL's values."""

from api.web.fields import Field
from api.web.p_json import Fields
from domain.orders import Channel

PATIENT_ID = Field("PATIENT_ID", "患者ID", "100001", rule="医院信息系统的患者ID")
VISIT_ID = Field("VISIT_ID", "就诊ID", "", required="否", rule="医院信息系统的就诊ID")
MED_ORG_ORD = Field(
    "medOrgOrd",
    "医院订单号",
    "ORD20250101000001",
    rule="每笔交易唯一; 1到64位字母、数字、下划线或连字符",
    pattern="[A-Za-z0-9_-]{1,64}",
    chars_max=64,
)
CHANNEL = Field("CHANNEL", "渠道", "WeChat", required="否", rule="WeChat(默认)或Alipay")


def read_channel(fields: Fields) -> Channel | None:
    """None where none is given. Raises `PaymentError` INVALID_FIELD."""
    text = CHANNEL.read(fields)
    if text is None:
        return None
    try:
        return Channel(text)
    except ValueError:
        raise CHANNEL.invalid("只能是WeChat或Alipay") from None
