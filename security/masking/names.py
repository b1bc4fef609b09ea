"""The keys whose values are secret or personal, and how such values are shown."""

import re
from typing import Final

MASK: Final = "***"
ID_NO_CHARS: Final = 18
_ID_NO_SHOWN: Final = 4

SECRET_KEYS: Final = frozenset(
    {
        *("payauthno", "paytoken", "revstoken", "ectoken", "appsecret", "privatekey", "digestkey", "token"),
        *("authorization", "proxyauthorization", "cookie", "setcookie", "apikey", "xapikey", "password", "secret"),
        *("uldlatlnt", "psnno", "sipersonalno", "accesstoken", "webhooksecret"),
        *("支付授权码", "授权码", "密码", "密钥", "医保个人编号", "个人编号", "经纬度"),
    }
)
ID_KEYS: Final = frozenset(
    {"idno", "idcard", "idcardno", "certno", "psncertno", "身份证", "身份证号", "身份证号码", "证件号", "证件号码"}
)
NAME_KEYS: Final = frozenset(
    {"patientname", "username", "psnname", "insuredname", "fullname", "realname"}
    | {"姓名", "患者姓名", "病人姓名", "参保人姓名", "患者", "病人", "参保人"}
)
PHONE_KEYS: Final = frozenset({"mobile", "mobileno", "phone", "phoneno", "tel", "手机", "手机号", "手机号码", "电话"})
MAYBE_NAME_KEY: Final = "name"
_PHONE = re.compile(r"1[3-9]\d{9}", re.ASCII)


def mask_name(name: str) -> str:
    """张三 as 张*; a name that starts with an escape shows nothing of itself."""
    if not name:
        return ""
    return (name[0] if name[0].isalpha() else "") + "*"


def mask_id_no(id_no: str) -> str:
    """110101199003070134 as 1101**********0134; nothing of a value of another length."""
    if len(id_no) != ID_NO_CHARS:
        return MASK if id_no else ""
    hidden = "*" * (ID_NO_CHARS - 2 * _ID_NO_SHOWN)
    return id_no[:_ID_NO_SHOWN] + hidden + id_no[-_ID_NO_SHOWN:]


def mask_phone(number: str) -> str:
    """13812345678 as 138****5678."""
    if not _PHONE.fullmatch(number):
        return MASK if number else ""
    return f"{number[:3]}****{number[-4:]}"


def mask_secret(secret: str) -> str:
    """Shows only whether there was a secret."""
    return MASK if secret else ""
