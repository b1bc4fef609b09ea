"""Masks free text: log lines, other parties' messages, exceptions with what they quote."""

import re
from collections.abc import Callable
from typing import Final

from security.masking.id_numbers import hide_id_numbers, hide_mobile_numbers
from security.masking.names import (
    ID_KEYS,
    MASK,
    MAYBE_NAME_KEY,
    NAME_KEYS,
    PHONE_KEYS,
    SECRET_KEYS,
    mask_id_no,
    mask_name,
    mask_phone,
    mask_secret,
)

How = Callable[[str], str]
"""Turns a value into what may be shown of it."""

TEXT_CHARS_MAX: Final = 65_536
"""Longer texts are cut: no one reads them, and whoever makes us log one must not decide how long we scan it."""

_HARMLESS: Final = re.compile(r"[A-Za-z_./-]{0,200}|\d{1,10}", re.ASCII)
_SEPARATED: Final = re.compile(r"[^a-z0-9\u4e00-\u9fff]")
_KEYS: Final = SECRET_KEYS | ID_KEYS | NAME_KEYS | PHONE_KEYS | {MAYBE_NAME_KEY}
_SPELLED: Final = "|".join(
    "[_-]?".join(key) if key.isascii() else key for key in sorted(_KEYS, key=lambda key: (-len(key), key))
)
_QUOTED: Final = r"""(?P<quote>\\*["'])(?P<quoted>(?:\\.|[^\\])*?)(?:(?P=quote)|\Z)"""
_BARE: Final = r"""(?P<bare>[^\s"'\\&,;)}\]，。；、）】》]+)"""
_KEY_AND_VALUE: Final = re.compile(
    rf"""(?<![A-Za-z0-9])(?P<key>{_SPELLED})(?P<between>\\*["']?\)?\s*[=:：]\s*\(?b?)(?:{_QUOTED}|{_BARE})""",
    re.IGNORECASE | re.DOTALL,
)
_PAIR: Final = re.compile(
    rf"""(?P<between>\(b?["'](?:x-)?(?P<key>{_SPELLED})["'],\s*b?)(?:{_QUOTED})""", re.IGNORECASE | re.DOTALL
)
"""A key and value as in lists of headers and in exceptions' arguments: ('authorization', 'Bearer …')."""

_PERSON_NUMBER: Final = re.compile(
    r"(?P<before>(?:(?:个人|人员|参保人|医保|社保)(?:编号|编码|号码|电脑号)|电脑号|(?<![A-Za-z0-9])psn_?no(?![A-Za-z]))"
    r"[\s为是()（）#:：=\[\]]{0,4})(?=[A-Za-z-]*[0-9０-９])[0-9０-９A-Za-z-]{4,}",
    re.IGNORECASE,
)
"""psnNo named in words: it has no shape of its own."""
_NAME_BEFORE_ID: Final = re.compile(
    r"(?P<title>患者|病人|参保人|(?<![\u4e00-\u9fff]))(?!患者|病人|参保人|身份|证件|号码)"
    r"(?P<name>[\u3400-\u4dbf\u4e00-\u9fff\ue815-\ue864\U00020000-\U000323af·•・‧．⋅\u3000]{2,20})"
    r"(?=[\s(（,，:：]{1,3}\d{6}[ -]?\d{8}[ -]?\d{3}[\dXx])"
)
_WHOLES: Final = (
    (re.compile(r"(://[^/\s:@]*:)[^\s/]*@"), rf"\1{MASK}@"),
    (re.compile(r"""(\bhttps?://[^\s?#"'<>]{1,2000})[?#][^\s"'<>]+"""), rf"\1?{MASK}"),
    (re.compile(r"(\b[A-Z]{3,7} /[^\s?]*)\?[^\s\"]*"), rf"\1?{MASK}"),
    (re.compile(r"\bP_JSON=(?!\s*[{\"'])[^\s\"']+"), f"P_JSON={MASK}"),
    (re.compile(r"\[parameters: .*\]"), f"[parameters: {MASK}]"),
    (re.compile(r"(Key \([^)]*\))=\(.*?\)(?= (?:already|is |conflicts))", re.DOTALL), rf"\1=({MASK})"),
    (
        re.compile(r"Failing row contains \(.*?\)(?=\.?\s*(?:\n|\\n|['\"]?\Z))", re.DOTALL),
        f"Failing row contains ({MASK})",
    ),
    (re.compile(r"\binput_value=.*?(?=, input_type=|\Z)", re.DOTALL), f"input_value={MASK}"),
    (
        re.compile(r"""(\b(?:proxy-)?authorization|\b(?:set-)?cookie)(\s*[:=]\s*)[^\r\n"'\\]+""", re.IGNORECASE),
        rf"\1\2{MASK}",
    ),
    (re.compile(r"""\b(Bearer|Basic)\s+[^\s'",;}\]]+""", re.IGNORECASE), rf"\1 {MASK}"),
)
"""Masked by form alone: passwords and queries in URLs, SQL parameters, rejected rows and inputs, credentials."""


def mask_text(text: str) -> str:
    """`text` without values of sensitive keys (`payAuthNo=…`, `"idNo": "…"`), id and mobile numbers, and `_WHOLES`."""
    if _HARMLESS.fullmatch(text):
        return text
    if len(text) > TEXT_CHARS_MAX:
        text = f"{text[:TEXT_CHARS_MAX]}… ({len(text) - TEXT_CHARS_MAX} characters more)"
    for form, shown in _WHOLES:
        text = form.sub(shown, text)
    text = _PAIR.sub(_mask_pair, text)
    text = _KEY_AND_VALUE.sub(_mask_keyed, text)
    text = _NAME_BEFORE_ID.sub(lambda match: match["title"] + mask_name(match["name"]), text)
    if not text.isascii() or "psn" in text.casefold():  # most lines are spared the search
        text = _PERSON_NUMBER.sub(rf"\g<before>{MASK}", text)
    return hide_mobile_numbers(hide_id_numbers(text))


def by_key(key: str) -> How | None:
    """How to mask a value under this key, if at all. id_no, ID_NO, idNo and X-Id-No are the same key."""
    plain = _SEPARATED.sub("", key.lower().removeprefix("x-"))
    if plain in SECRET_KEYS:
        return mask_secret
    if plain in ID_KEYS:
        return mask_id_no
    if plain in PHONE_KEYS:
        return mask_phone
    if plain == MAYBE_NAME_KEY:
        return _mask_maybe_name
    return mask_name if plain in NAME_KEYS else None


def _mask_maybe_name(name: str) -> str:
    """HIS's `name` may be a patient's or a medicine's; an ASCII one is neither."""
    return mask_text(name) if name.isascii() else mask_name(name)


def _mask_keyed(match: re.Match[str]) -> str:
    return match["key"] + _mask_value(match)


def _mask_pair(match: re.Match[str]) -> str:
    return _mask_value(match)


def _mask_value(match: re.Match[str]) -> str:
    how = by_key(match["key"]) or mask_secret
    value = match["quoted"]
    if value is None:
        return f"{match['between']}{how(match['bare'])}"
    return f"{match['between']}{match['quote']}{how(value)}{match['quote']}"
