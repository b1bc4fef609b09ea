"""Masks secrets and personal data in any value: 张三 as 张*, an identity number by its first and last digits."""

import dataclasses
from collections.abc import Mapping
from typing import Any, overload

from pydantic import BaseModel

from security.masking.names import MASK, mask_id_no, mask_name, mask_secret
from security.masking.text import How, by_key, mask_text

DEPTH_MAX = 12
_ID_NO_DIGITS_MIN = 15
_PAIR = 2

__all__ = ["DEPTH_MAX", "MASK", "mask", "mask_id_no", "mask_name", "mask_secret", "mask_text"]


@overload
def mask(value: Mapping[str, object]) -> dict[str, Any]: ...
@overload
def mask(value: object) -> object: ...
def mask(value: object) -> object:
    """`value` in plain types, masked by the keys in it and by what its texts look like."""
    return _masked(value, None, DEPTH_MAX)


def _masked(value: object, how: How | None, depth: int) -> object:
    if value is None or isinstance(value, bool) or (how is None and _is_plain_number(value)):
        return value
    if depth == 0:
        return MASK
    named = _named_values(value)
    if named is not None:
        return {mask_text(str(key)): _masked(item, how or by_key(_text(key)), depth - 1) for key, item in named.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return _masked_items(list(value), how, depth - 1)
    text = _text(value)
    return mask_text(text) if how is None else how(text)


def _is_plain_number(value: object) -> bool:
    """A number too short to be an identity number."""
    return isinstance(value, float) or (isinstance(value, int) and abs(value) < 10 ** (_ID_NO_DIGITS_MIN - 1))


def _named_values(value: object) -> Mapping[Any, Any] | None:
    """The fields of `value` if it is a mapping or record of any kind."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, BaseModel):
        return {name: getattr(value, name, None) for name in type(value).model_fields}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name, None) for field in dataclasses.fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return dict(value._asdict())
    return None


def _masked_items(items: list[Any], how: How | None, depth: int) -> list[Any]:
    """A pair whose first item is a sensitive key, as in lists of headers and form fields, is a key and its value."""
    if how is None and len(items) == _PAIR and isinstance(items[0], str | bytes):
        beside = by_key(_text(items[0]))
        if beside is not None:
            return [mask_text(_text(items[0])), _masked(items[1], beside, depth)]
    return [_masked(item, how, depth) for item in items]


def _text(value: object) -> str:
    """Never fails: a log line that can't be written would be reported with its arguments."""
    if isinstance(value, bytes | bytearray):
        return value.decode("utf-8", "replace")
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - any __str__ may raise anything
        return f"<{type(value).__name__}>"
