"""The text to sign (protocol 3.1): without what is empty, keys in ASCII order, objects and arrays as compact JSON."""

import json
from collections.abc import Mapping
from typing import Any, Literal

Numbers = Literal["string", "json"]
"""How a number stands in the text to sign: as a JSON string, or as a JSON number."""

UNSIGNED_FIELDS = frozenset({"signData", "encData", "extra"})


class Numeral(str):
    """A JSON number as it was written. A float would lose the zero of 1.10, and the signature with it."""

    __slots__ = ()


def parse_object(text: str | bytes) -> dict[str, Any]:
    """A JSON object, its numbers as `Numeral`. Raises ValueError, RecursionError."""
    parsed = json.loads(text, parse_int=Numeral, parse_float=Numeral, parse_constant=_no_constant)
    if not isinstance(parsed, dict):
        raise ValueError("no JSON object")
    return parsed


def cleaned(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Without "", null, {} and [], at every level and in arrays; what becomes empty by that goes too [inferred].

    0 and false are not empty.
    """
    items = {key: _cleaned(item) for key, item in fields.items()}
    return {key: item for key, item in items.items() if not _is_empty(item)}


def compact(value: object, numbers: Numbers) -> str:
    """JSON without spaces, keys in ASCII order, Chinese as it is. Raises ValueError for what has no exact text."""
    if isinstance(value, Mapping):
        pairs = (f"{_quoted(key)}:{compact(value[key], numbers)}" for key in sorted(value))
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(compact(item, numbers) for item in value) + "]"
    if isinstance(value, str) and not isinstance(value, Numeral):
        return _quoted(value)
    text = _scalar(value)
    return _quoted(text) if numbers == "string" and not isinstance(value, bool) else text


def text_to_sign(fields: Mapping[str, Any], app_secret: str, numbers: Numbers) -> str:
    """`k=v` joined with `&`, and the app secret last. `fields` holds the object itself under `data`.

    Raises ValueError, RecursionError for values that no envelope can hold.
    """
    signed = cleaned({key: value for key, value in fields.items() if key not in UNSIGNED_FIELDS})
    pairs = [f"{key}={_top_level(signed[key], numbers)}" for key in sorted(signed)]
    return "&".join([*pairs, f"key={app_secret}"])


def _top_level(value: object, numbers: Numbers) -> str:
    if isinstance(value, Mapping | list | tuple):
        return compact(value, numbers)
    return _scalar(value)


def _scalar(value: object) -> str:
    """A float, and None, have no text that both sides would write alike. Raises ValueError."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int):
        return str(value)
    raise ValueError(f"a {type(value).__name__} can't be signed")


def _cleaned(value: object) -> object:
    if isinstance(value, Mapping):
        return cleaned(value)
    if isinstance(value, list | tuple):
        return [item for item in map(_cleaned, value) if not _is_empty(item)]
    return value


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, str | dict | list) and not value)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _no_constant(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
