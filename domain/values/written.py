"""Texts, secrets and base64 as people, their editors and other systems write them.

An editor adds a byte order mark, a shell a line end, Java's MIME encoder a line break after 76 characters. That is
taken off; anything else that is wrong is said in words that never repeat the text, since it may be a secret.
"""

import base64
import binascii
import codecs
import json
import re
from contextlib import suppress

BOM = "\ufeff"
_AROUND = re.compile(rf"^[\s{BOM}\u200b\0]+|[\s{BOM}\u200b\0]+$")
_UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_URL_SAFE = frozenset("-_")
_QUANTUM = 4
"""Base64 comes in groups of four characters."""

_GBK_NAMES = frozenset(
    {"gbk", "gb2312", "gb18030", "gb_2312", "gb_2312_80", "x_gbk", "cp936", "ms936", "windows_936", "euc_cn"}
)
"""A closed list: the name comes from the other side, and Python's codecs include some that are no charset."""


def text_of(content: bytes) -> str:
    """The text of a file that a person wrote: UTF-8, with or without a byte order mark.

    Raises ValueError, which reads as the end of a sentence about the file.
    """
    if content.startswith(_UTF_16_MARKS) or b"\0" in content:
        raise ValueError("is not UTF-8 text, but looks like UTF-16: save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{not_utf8(content)}: save it as UTF-8") from None


def bare(text: str) -> str:
    """A secret or a setting without the byte order mark, blanks and line ends around it."""
    return _AROUND.sub("", text)


def from_base64(text: str) -> bytes:
    """The bytes in standard base64 with its padding; blanks and line breaks anywhere are skipped, as in RFC 2045.

    Missing padding is refused, since it can't be told from an end that was not copied.

    Raises ValueError, which reads as the end of a sentence about the text.
    """
    joined = "".join(bare(text).split())
    try:
        return base64.b64decode(joined, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(_why_not_base64(joined)) from None


def _why_not_base64(joined: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_-]+=*", joined) and _URL_SAFE & set(joined):
        return "is not base64 but its URL-safe form: write + for - and / for _"
    if re.fullmatch(r"[A-Za-z0-9+/]+=*", joined) and len(joined) % _QUANTUM:
        return "is not base64: characters are missing at its end, if only the padding ="
    return "is not base64"


def answered_text(content: bytes, charset: str | None) -> str:
    """The text of another system's answer, without a byte order mark.

    `charset`: from its Content-Type. GBK by any of its names is decoded as such, if it can be (GB18030 includes GBK and
    GB2312). With any other name, or none, the text must be in one of JSON's own encodings, in practice UTF-8:
    `charset=ISO-8859-1` is the default of some servers, whatever they send.

    Raises UnicodeDecodeError.
    """
    name = re.sub(r"[^a-z0-9]+", "_", (charset or "").strip(" '\"").lower())
    if name in _GBK_NAMES:
        with suppress(UnicodeDecodeError):
            return content.decode("gb18030").removeprefix(BOM)
    return content.decode(json.detect_encoding(content), "surrogatepass").removeprefix(BOM)


def looks_like_gbk(content: bytes) -> bool:
    """Whether `content`, which is not UTF-8, could be GBK."""
    try:
        content.decode("gb18030")
    except UnicodeDecodeError:
        return False
    return True


def not_utf8(content: bytes) -> str:
    """What is said of `content`, which is not UTF-8: the end of a sentence about it."""
    return "is not UTF-8 text" + (", but looks like GBK" if looks_like_gbk(content) else "")
