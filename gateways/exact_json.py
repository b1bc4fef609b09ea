"""JSON as it was written: numbers keep their text, and where a signature asks for it, strings their spelling."""

import json
import re
from json.decoder import scanstring  # type: ignore[attr-defined]  # public, but for typeshed
from json.scanner import py_make_scanner  # type: ignore[attr-defined]  # the one in Python, which asks `parse_string`
from typing import Any

from domain.values.decimals import Numeral


class Spelt(str):
    """A JSON string. `written`: as it stood between its quotes, escapes and all."""

    __slots__ = ("written",)
    written: str


def parse_object(text: str | bytes) -> dict[str, Any]:
    """A JSON object with its numbers as `Numeral`. Raises ValueError or RecursionError.

    A string may hold control characters as they are, since whoever joins JSON together by hand escapes none, and the
    escapes that JavaScript has and JSON does not, such as `\\v`.
    """
    written = text if isinstance(text, str) else text.decode(json.detect_encoding(text), "surrogatepass")
    try:
        return _an_object(json.loads(written, **_AS_WRITTEN))
    except json.JSONDecodeError as error:
        if "escape" not in error.msg:
            raise
        return _an_object(json.loads(_ESCAPE.sub(_as_json_has_it, written), **_AS_WRITTEN))


def parse_spelt(text: str) -> dict[str, Any]:
    """The same, with its strings as `Spelt`; keys are plain. Slower. Raises ValueError or RecursionError."""
    return _an_object(_SPELLING.decode(text))


_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_ESCAPES_OF_JAVASCRIPT = {"v": "\\u000b", "0": "\\u0000", "'": "'"}


def _as_json_has_it(escape: re.Match[str]) -> str:
    return f"\\u00{escape[1]}" if escape[1] else _ESCAPES_OF_JAVASCRIPT.get(escape[2], escape[0])


def _no_constant(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


_AS_WRITTEN: dict[str, Any] = {
    "parse_int": Numeral,
    "parse_float": Numeral,
    "parse_constant": _no_constant,
    "strict": False,
}


class _SpellingDecoder(json.JSONDecoder):
    def __init__(self) -> None:
        super().__init__(**_AS_WRITTEN)
        self.parse_string = _spelt
        self.scan_once = py_make_scanner(self)


def _spelt(text: str, begin: int, strict: bool = False) -> tuple[Spelt, int]:  # noqa: FBT001, FBT002 - the scanner's call
    value, end = scanstring(text, begin, strict)
    spelt = Spelt(value)
    spelt.written = text[begin : end - 1]
    return spelt, end


_SPELLING = _SpellingDecoder()


def _an_object(parsed: object) -> dict[str, Any]:
    if not isinstance(parsed, dict):
        raise ValueError("not a JSON object")
    return parsed
