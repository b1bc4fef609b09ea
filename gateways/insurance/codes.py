"""Codes and messages of an answer, under the names that centres give them (protocol 3.1)."""

from collections.abc import Mapping
from typing import Any

CODE_FIELDS = ("code", "respCode", "responseCode")
MESSAGE_FIELDS = ("message", "msg", "errorMsg", "respMessage")


def protocol_code(fields: Mapping[str, Any]) -> str | None:
    """The answer's code as text: it comes as a number or a string. None where there is none."""
    for name in CODE_FIELDS:
        code = fields.get(name)
        if isinstance(code, str | int) and not isinstance(code, bool) and str(code).strip():
            return str(code).strip()
    return None


def protocol_message(fields: Mapping[str, Any]) -> str:
    """The first message that holds anything, as the centre wrote it: not yet fit to be shown."""
    texts = (fields.get(name) for name in MESSAGE_FIELDS)
    return next((text for text in texts if isinstance(text, str) and text.strip()), "")


def is_accepted(code: str) -> bool:
    """0, also written as 0000."""
    return set(code) == {"0"}


def contradicts(fields: Mapping[str, Any]) -> bool:
    """Whether an answer with code 0 says at the same time that it did not succeed."""
    return str(fields.get("success", "true")).strip().lower() == "false"
