"""The text to sign (protocol 3.1): empty values dropped, keys in ASCII order, objects and arrays as compact JSON."""

import json
from collections.abc import Mapping
from typing import Any, Literal

from domain.values.decimals import Numeral
from gateways.exact_json import Spelt

Numbers = Literal["string", "json"]
"""Whether the text to sign has numbers as JSON strings or as JSON numbers."""

UNSIGNED_FIELDS = frozenset({"signData", "encData", "extra"})


def cleaned(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Without "", null, {} and [] at every level, arrays included, and without what thereby becomes empty [inferred].

    0 and false are not empty.
    """
    items = {key: _cleaned(item) for key, item in fields.items()}
    return {key: item for key, item in items.items() if not _is_empty(item)}


def compact(value: object, numbers: Numbers) -> str:
    """JSON without spaces, keys in ASCII order, Chinese unescaped. Raises ValueError for a float or None.

    A `Spelt` string keeps its own spelling.
    """
    if isinstance(value, Mapping):
        pairs = (f"{_quoted(key)}:{compact(value[key], numbers)}" for key in sorted(value))
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(compact(item, numbers) for item in value) + "]"
    if isinstance(value, Spelt):
        return f'"{value.written}"'
    if isinstance(value, str) and not isinstance(value, Numeral):
        return _quoted(value)
    text = _scalar(value)
    return _quoted(text) if numbers == "string" and not isinstance(value, bool) else text


def text_to_sign(fields: Mapping[str, Any], app_secret: str, numbers: Numbers) -> str:
    """`k=v` joined with `&`, the app secret last. `fields`: the envelope's, and as `data` the plain object or its text.

    Raises ValueError or RecursionError for values that an envelope can't hold.
    """
    signed = cleaned({key: value for key, value in fields.items() if key not in UNSIGNED_FIELDS})
    pairs = [f"{key}={_top_level(signed[key], numbers)}" for key in sorted(signed)]
    return "&".join([*pairs, f"key={app_secret}"])


def _top_level(value: object, numbers: Numbers) -> str:
    if isinstance(value, Mapping | list | tuple):
        return compact(value, numbers)
    return _scalar(value)


def _scalar(value: object) -> str:
    """Raises ValueError for a float or None, which have no text that both sides would write alike."""
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
