"""Another system's words, made fit to be passed on: to callers, to logs, to the records."""

import re
import unicodedata
from collections.abc import Iterable

MESSAGE_CHARS_MAX = 120

_HIDDEN = "***"
_ID_NUMBER = r"[1-9]\d{16}[\dXx]|[1-9]\d{14}"
_MOBILE_NUMBER = r"1[3-9]\d{9}"
_PERSONAL = re.compile(rf"(?<![0-9A-Za-z])(?:{_ID_NUMBER}|{_MOBILE_NUMBER})(?![0-9A-Za-z])", re.ASCII)


def shown(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` on one line, trimmed, without control characters, at most `MESSAGE_CHARS_MAX` characters.

    `secrets`, and what looks like an identity or a mobile number, are blotted out.
    """
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    plain = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in text)
    return _PERSONAL.sub(_HIDDEN, " ".join(plain.split()))[:MESSAGE_CHARS_MAX]
