"""Reads a request's body in any of the three forms, up to a size limit (contract 2.3).

Numbers keep their text, keys are trimmed, P_JSON is unwrapped.
"""

import json
import re
from typing import Any
from urllib.parse import parse_qsl, unquote

from starlette.requests import Request

from domain.errors import ErrorCode, PaymentError

BODY_BYTES_MAX = 1024 * 1024
SEPARATORS_MAX = 10_000
"""Commas in a body. A million of them are as many values, which would keep every other call waiting while parsed."""
P_JSON = "P_JSON"
WRAPPINGS_MAX = 2
"""A gateway on the way may wrap what is wrapped already; anything deeper is a mistake."""

Fields = dict[str, Any]
"""Trimmed key to value: str, `Number`, bool, None, list, `Fields`, or `REPEATED`."""

_KEPT = "medpay_body"
_FORM = "application/x-www-form-urlencoded"
_FORM_FIELDS_MAX = 100
_LENGTH_DIGITS = 18
"""A longer number is not even read: Python refuses one of thousands of digits."""
_CHARSET = re.compile(r""";\s*charset\s*=\s*["']?([^"';]*)""", re.IGNORECASE)
"""Not `charset*`, which Python's own parser of headers fails on, where its pieces contradict each other."""
_P_JSON_FIELD = re.compile(rf"(?:^|&)\s*{P_JSON}\s*=")
_FORM_ENCODED = re.compile(r"[A-Za-z0-9*._~!'()%+-]*\s*", re.ASCII)
"""What form encoders write: they leave only these characters, and so encode at least the braces and quotes of JSON."""

_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)
_UTF8 = frozenset({"utf-8", "utf8"})


class Number(str):
    """The text of a JSON number: 128.50 stays 128.50, and 1E2 stays 1E2."""

    __slots__ = ()


class _Repeated:
    """Stands for the value of a repeated key: there is no telling which of its values is meant."""


REPEATED = _Repeated()


async def read_fields(request: Request) -> Fields:
    """The fields of a call, in whichever form they came.

    Raises `PaymentError` UNSUPPORTED_MEDIA_TYPE, TOO_LARGE, MALFORMED_JSON; `ClientDisconnect` if the caller hangs up.
    """
    as_form = is_form(request)
    text = await read_text(request)
    return parse_fields(_p_json_of(text) if as_form else text)


async def check_optional_body(request: Request) -> None:
    """For a call without fields: accepts no body, or any object. Raises as `read_fields`."""
    if (await read_text(request)).strip():
        await read_fields(request)


async def read_text(request: Request) -> str:
    """The whole body as text, whatever its media type, with few enough values to be parsed. Raises as `read_fields`."""
    body = await read_bytes(request)
    check_values(body)
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise malformed("请求内容不是UTF-8编码") from None


async def read_bytes(request: Request, bytes_max: int = BODY_BYTES_MAX) -> bytes:
    """The whole body, kept for later readers. Raises `PaymentError` TOO_LARGE; `ClientDisconnect`."""
    if not hasattr(request.state, _KEPT):
        setattr(request.state, _KEPT, await _read(request, bytes_max))
    body: bytes = getattr(request.state, _KEPT)
    return body


def check_values(body: bytes) -> None:
    """Raises `PaymentError` TOO_LARGE for a body of more values than it takes little time to parse."""
    if body.count(b",") > SEPARATORS_MAX:
        raise PaymentError(ErrorCode.TOO_LARGE, f"请求体中的值过多: 最多{SEPARATORS_MAX}个")


def is_form(request: Request) -> bool:
    """Whether the body is a form rather than JSON. Raises `PaymentError` UNSUPPORTED_MEDIA_TYPE."""
    content_type = request.headers.get("content-type", "")
    content_encoding = request.headers.get("content-encoding", "identity")
    charset = charset_of(request) or "utf-8"
    media_type = content_type.partition(";")[0].strip().lower()
    as_json = media_type == "application/json" or (
        media_type.startswith("application/") and media_type.endswith("+json")
    )
    if not (as_json or media_type == _FORM) or charset not in _UTF8 or content_encoding.strip().lower() != "identity":
        message = f"请求格式(Content-Type)必须是application/json或{_FORM}, UTF-8编码, 不压缩"
        raise PaymentError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, message)
    return not as_json


def charset_of(request: Request) -> str:
    """The charset that the Content-Type names, in lower case; empty if it names none."""
    named = _CHARSET.search(request.headers.get("content-type", ""))
    return named[1].strip().lower() if named else ""


def query_fields(request: Request) -> Fields:
    """The query parameters; `REPEATED` for one that comes more than once."""
    given = request.query_params
    return {name: REPEATED if len(given.getlist(name)) > 1 else given[name] for name in given}


def parse_fields(text: str) -> Fields:
    """The object in `text`, unwrapped from P_JSON if need be. Raises `PaymentError` MALFORMED_JSON."""
    value = _parse(text)
    for _ in range(WRAPPINGS_MAX):
        if isinstance(value, dict) and P_JSON in value:
            value = value[P_JSON]
        if isinstance(value, str) and not isinstance(value, Number):
            value = _parse(value)
    if not isinstance(value, dict) or P_JSON in value:
        raise malformed("请求内容必须是JSON对象, 或放在P_JSON中的JSON对象")
    return value


async def _read(request: Request, bytes_max: int) -> bytes:
    """Refuses by Content-Length where there is one; a chunked body is counted as it arrives."""
    announced = request.headers.get("content-length", "0").lstrip("0")
    if announced.isascii() and announced.isdigit() and (len(announced) > _LENGTH_DIGITS or int(announced) > bytes_max):
        raise _too_large(bytes_max)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > bytes_max:
            raise _too_large(bytes_max)
    return bytes(body)


def _p_json_of(form: str) -> str:
    """The text of the form's one P_JSON. Raises `PaymentError` MALFORMED_JSON.

    What no form encoder wrote is taken as it stands: its `+` is no blank, its `&` no end (payAuthNo is base64).
    """
    raw = _raw_p_json(form)
    if raw is not None:
        return raw
    try:
        pairs = parse_qsl(form, keep_blank_values=True, errors="strict", max_num_fields=_FORM_FIELDS_MAX)
    except UnicodeDecodeError:
        raise malformed("请求内容不是UTF-8编码") from None
    except ValueError:
        raise malformed("表单字段过多") from None
    values = [value for name, value in pairs if name.strip() == P_JSON]
    if len(values) != 1:
        raise malformed("表单中必须有且只有一个P_JSON字段")
    return values[0]


def _raw_p_json(form: str) -> str | None:
    """The JSON after `P_JSON=` that is not form-encoded: as it stands, else with its escapes decoded. None: it is."""
    start = _P_JSON_FIELD.search(form)
    rest = form[start.end() :] if start else ""
    if _FORM_ENCODED.fullmatch(rest.partition("&")[0]):
        return None
    for text in (rest, unquote(rest)):
        end = _end_of_json(text)
        if end is not None and not _P_JSON_FIELD.search(text, end):
            return text[:end]
    return None


def _end_of_json(text: str) -> int | None:
    """Where the JSON value at the start of `text` ends, if the form ends or goes on there; else None."""
    try:
        _, end = _DECODER.raw_decode(text.lstrip())
    except (ValueError, RecursionError):
        return None
    end += len(text) - len(text.lstrip())
    return end if text[end:].lstrip()[:1] in {"", "&"} else None


def _parse(text: str) -> object:
    try:
        value: object = json.loads(
            text.removeprefix("\ufeff"),
            parse_int=Number,
            parse_float=Number,
            parse_constant=_no_constant,
            object_pairs_hook=_object,
        )
    except RecursionError:
        raise malformed("JSON嵌套过深") from None
    except ValueError:
        raise malformed("请求内容不是合法的JSON") from None
    return value


def _object(pairs: list[tuple[str, Any]]) -> Fields:
    fields: Fields = {}
    for key, value in pairs:
        name = key.strip()
        fields[name] = REPEATED if name in fields else value
    return fields


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def malformed(message: str) -> PaymentError:
    """`message`: what is wrong, in Chinese."""
    return PaymentError(ErrorCode.MALFORMED_JSON, message)


def _too_large(bytes_max: int) -> PaymentError:
    return PaymentError(ErrorCode.TOO_LARGE, f"请求体不能超过{bytes_max // 1024}KB")
