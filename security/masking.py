"""Takes secrets and personal data out of whatever is about to be shown: 张三 as 张*, an id number by its ends."""

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel

MASK = "***"
DEPTH_MAX = 12
_ID_NO_SHOWN = 4
_ID_NO_CHARS = 18

_SECRET_KEYS = frozenset(
    {
        *("payauthno", "paytoken", "revstoken", "ectoken", "appsecret", "privatekey", "digestkey"),
        *("authorization", "proxyauthorization", "cookie", "setcookie", "apikey", "xapikey", "password", "secret"),
        *("uldlatlnt", "psnno", "sipersonalno"),
    }
)
_ID_KEYS = frozenset({"idno", "idcard", "certno"})
_NAME_KEYS = frozenset({"patientname", "username", "psnname"})
_MAYBE_NAME_KEY = "name"
_ID_NO = re.compile(
    r"(?<!\d)[1-9]\d{5}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?![0-9A-Za-z])", re.ASCII
)
_URL_PASSWORD = re.compile(r"(://[^/\s:@]*:)[^\s/]*@")
_BEARER = re.compile(r"\b(Bearer|Basic)\s+[^\s'\",;}\]]+", re.IGNORECASE)
_SEPARATED = re.compile(r"[^a-z0-9]")


def mask_name(name: str) -> str:
    """张三 as 张*."""
    return name[:1] + "*" if name else ""


def mask_id_no(id_no: str) -> str:
    """110101199003070134 as 1101**********0134; anything of another length not at all."""
    if len(id_no) != _ID_NO_CHARS:
        return MASK if id_no else ""
    hidden = "*" * (_ID_NO_CHARS - 2 * _ID_NO_SHOWN)
    return id_no[:_ID_NO_SHOWN] + hidden + id_no[-_ID_NO_SHOWN:]


def mask_secret(secret: str) -> str:
    """Nothing of it, only that there was one."""
    return MASK if secret else ""


def mask(value: Any, key: str = "") -> Any:  # noqa: ANN401 - whatever somebody logs
    """`value` in plain types, fit to be shown: by its `key`, by the keys within it, and by what its texts look like."""
    return _masked(value, _by_key(key), DEPTH_MAX)


def mask_text(text: str) -> str:
    """Free text: values behind a telling key (`payAuthNo=…`, `"idNo": "…"`), id numbers, passwords in URLs."""
    text = _URL_PASSWORD.sub(rf"\1{MASK}@", text)
    text = _BEARER.sub(rf"\1 {MASK}", text)
    text = _KEY_AND_VALUE.sub(_mask_pair, text)
    return _ID_NO.sub(lambda match: mask_id_no(match[0]), text)


def _by_key(key: str) -> Callable[[str], str] | None:
    """How a value under this key is masked: id_no, ID_NO, idNo and X-Id-No are the same key."""
    plain = _SEPARATED.sub("", key.lower())
    if plain in _SECRET_KEYS:
        return mask_secret
    if plain in _ID_KEYS:
        return mask_id_no
    if plain == _MAYBE_NAME_KEY:
        return _mask_maybe_name
    return mask_name if plain in _NAME_KEYS else None


def _masked(value: Any, how: Callable[[str], str] | None, depth: int) -> Any:  # noqa: ANN401 - see `mask`
    if value is None or isinstance(value, bool) or (how is None and isinstance(value, int | float)):
        return value
    if depth == 0:
        return MASK
    if isinstance(value, BaseModel):
        value = value.model_dump()
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {mask_text(str(key)): _masked(item, how or _by_key(str(key)), depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(item, how, depth - 1) for item in value]
    text = value.decode("utf-8", "replace") if isinstance(value, bytes | bytearray) else str(value)
    return mask_text(text) if how is None else how(text)


def _mask_maybe_name(name: str) -> str:
    """HIS's `name` is a patient's or a medicine's. What is not Chinese is neither."""
    return mask_text(name) if name.isascii() else mask_name(name)


def _pair_pattern() -> re.Pattern[str]:
    """A telling key, in any spelling, then = or :, then its value in quotes or up to the next separator."""
    spelled = (
        "[_-]?".join(key)
        for key in sorted(_SECRET_KEYS | _ID_KEYS | _NAME_KEYS | {_MAYBE_NAME_KEY}, key=len, reverse=True)
    )
    value = r"""(?P<quote>\\?["'])(?P<quoted>(?:\\.|[^\\])*?)(?P=quote)|(?P<bare>[^\s"'\\&,;)}\]]+)"""
    return re.compile(
        rf"""(?<![A-Za-z0-9])(?P<key>{"|".join(spelled)})(?P<between>\\?["']?\s*[=:]\s*)(?:{value})""",
        re.IGNORECASE | re.DOTALL,
    )


_KEY_AND_VALUE = _pair_pattern()


def _mask_pair(match: re.Match[str]) -> str:
    how = _by_key(match["key"]) or mask_secret
    quote = match["quote"] or ""
    value = match["bare"] if match["quoted"] is None else match["quoted"]
    return f"{match['key']}{match['between']}{quote}{how(value)}{quote}"
