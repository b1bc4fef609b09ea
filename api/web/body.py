"""Reads a request's body, in one of the three forms, never more than its limit (contract 2.3)."""

from email.message import Message
from urllib.parse import parse_qsl

from starlette.requests import Request

from api.web.p_json import P_JSON, Fields, parse_fields
from domain.errors import ErrorCode, PaymentError

BODY_BYTES_MAX = 1024 * 1024
_KEPT = "medpay_body"
_FORM = "application/x-www-form-urlencoded"
_FORM_FIELDS_MAX = 100
_UTF8 = frozenset({"utf-8", "utf8"})


async def read_fields(request: Request) -> Fields:
    """The fields of a call, whichever form they came in.

    Raises `PaymentError` UNSUPPORTED_MEDIA_TYPE, TOO_LARGE, MALFORMED_JSON; `ClientDisconnect` if the caller hangs up.
    """
    form = is_form(request.headers.get("content-type", ""), request.headers.get("content-encoding", "identity"))
    return _fields_in(await read_text(request), form=form)


async def read_text(request: Request) -> str:
    """The whole body as text, whatever its media type. Raises as `read_fields`."""
    try:
        return (await read_bytes(request)).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _not_utf8() from None


async def check_optional_body(request: Request) -> None:
    """For a call that needs no fields: no body, or an object of whatever keys. Raises as `read_fields`."""
    text = await read_text(request)
    if text.strip():
        headers = request.headers
        form = is_form(headers.get("content-type", ""), headers.get("content-encoding", "identity"))
        _fields_in(text, form=form)


def _fields_in(text: str, *, form: bool) -> Fields:
    return parse_fields(_p_json_of(text) if form else text)


def is_form(content_type: str, content_encoding: str) -> bool:
    """Whether the body is a form; else it is JSON. Raises `PaymentError` UNSUPPORTED_MEDIA_TYPE."""
    header = Message()
    header["Content-Type"] = content_type
    charset = str(header.get_param("charset", "utf-8")).strip().lower()
    media_type = content_type.partition(";")[0].strip().lower()
    as_json = media_type == "application/json" or (
        media_type.startswith("application/") and media_type.endswith("+json")
    )
    if not (as_json or media_type == _FORM) or charset not in _UTF8 or content_encoding.strip().lower() != "identity":
        message = f"请求格式(Content-Type)必须是application/json或{_FORM}, UTF-8编码, 不压缩"
        raise PaymentError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, message)
    return not as_json


async def read_bytes(request: Request) -> bytes:
    """The whole body, kept for who reads it next. Raises `PaymentError` TOO_LARGE; `ClientDisconnect`."""
    if not hasattr(request.state, _KEPT):
        setattr(request.state, _KEPT, await _read(request))
    body: bytes = getattr(request.state, _KEPT)
    return body


async def _read(request: Request) -> bytes:
    """A length that is announced is believed, one that is not (chunked) is counted."""
    announced = request.headers.get("content-length", "0")
    if announced.isascii() and announced.isdigit() and int(announced) > BODY_BYTES_MAX:
        raise _too_large()
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            raise _too_large()
    return bytes(body)


def _p_json_of(form: str) -> str:
    try:
        pairs = parse_qsl(form, keep_blank_values=True, errors="strict", max_num_fields=_FORM_FIELDS_MAX)
    except UnicodeDecodeError:
        raise _not_utf8() from None
    except ValueError:
        raise PaymentError(ErrorCode.MALFORMED_JSON, "表单字段过多") from None
    values = [value for name, value in pairs if name.strip() == P_JSON]
    if len(values) != 1:
        raise PaymentError(ErrorCode.MALFORMED_JSON, "表单中必须有且只有一个P_JSON字段")
    return values[0]


def _too_large() -> PaymentError:
    return PaymentError(ErrorCode.TOO_LARGE, f"请求体不能超过{BODY_BYTES_MAX // 1024}KB")


def _not_utf8() -> PaymentError:
    return PaymentError(ErrorCode.MALFORMED_JSON, "请求内容不是UTF-8编码")
