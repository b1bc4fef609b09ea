"""The caller's JSON as it was written: numbers keep their text, keys are trimmed, P_JSON is unwrapped. Pure."""

import json
from typing import Any

from domain.errors import ErrorCode, PaymentError

P_JSON = "P_JSON"
WRAPPINGS_MAX = 2
"""A gateway in between may wrap what is wrapped already; more than that is a mistake."""

Fields = dict[str, Any]
"""Trimmed key to value: str, `Number`, bool, None, list, `Fields`, or `REPEATED`."""


class Number(str):
    """A JSON number, as its text: 128.50 stays 128.50, and 1E2 is seen as 1E2."""

    __slots__ = ()


class _Repeated:
    """Stands for a key that came twice: which of its values is meant can't be known."""


REPEATED = _Repeated()


def parse_fields(text: str) -> Fields:
    """The object in `text`, out of its P_JSON if it is in one. Raises `PaymentError` MALFORMED_JSON."""
    value = _parse(text)
    for _ in range(WRAPPINGS_MAX):
        if isinstance(value, dict) and P_JSON in value:
            value = value[P_JSON]
        if isinstance(value, str) and not isinstance(value, Number):
            value = _parse(value)
    if not isinstance(value, dict) or P_JSON in value:
        raise _malformed("请求内容必须是JSON对象, 或放在P_JSON中的JSON对象")
    return value


def _parse(text: str) -> Any:  # noqa: ANN401 - whatever JSON holds; `parse_fields` judges it
    try:
        return json.loads(
            text.removeprefix("\ufeff"),
            parse_int=Number,
            parse_float=Number,
            parse_constant=_no_constant,
            object_pairs_hook=_fields,
        )
    except RecursionError:
        raise _malformed("JSON嵌套过深") from None
    except ValueError:
        raise _malformed("请求内容不是合法的JSON") from None


def _fields(pairs: list[tuple[str, Any]]) -> Fields:
    fields: Fields = {}
    for key, value in pairs:
        name = key.strip()
        fields[name] = REPEATED if name in fields else value
    return fields


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _malformed(message: str) -> PaymentError:
    return PaymentError(ErrorCode.MALFORMED_JSON, message)
