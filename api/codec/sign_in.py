"""Signing a browser in for the codec, and out again."""

from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.access.gate import Caller
from api.access.recording import note_access
from api.codec.door import may_decode, signed_in_key
from api.codec.page import SIGN_IN, SIGN_OUT, Places, asking, signed_in
from api.codec.session import PATH
from api.services import services_of
from api.web.body import is_form, read_text
from api.web.trace import trace_of
from domain.errors import ErrorCode, PaymentError
from security.access_log import Access, AccessEvent

router = APIRouter(include_in_schema=False)

_STATUS = {
    ErrorCode.UNAUTHORIZED: HTTPStatus.UNAUTHORIZED,
    ErrorCode.FORBIDDEN: HTTPStatus.FORBIDDEN,
    ErrorCode.RATE_LIMITED: HTTPStatus.TOO_MANY_REQUESTS,
}
_FIELDS_MAX = 10


@router.get(SIGN_IN)
async def page(request: Request) -> Response:
    key = signed_in_key(request)
    if key is None:
        return asking()
    try:
        return signed_in(await may_decode(request, key), _places(request))
    except PaymentError:
        # The key was taken out of the hospitals file since.
        return services_of(request).codec_sessions.closed(asking())


@router.post(SIGN_IN)
async def sign_in(request: Request) -> Response:
    """To a page of its own: so that going back or reloading sends no key again."""
    _check_origin(request)
    key = await _key(request)
    try:
        caller = await may_decode(request, key)
    except PaymentError as refused:
        trace_of(request.scope).error_code = refused.code.value
        return asking(refused.message, _STATUS[refused.code])
    note_access(request, _opened(caller))
    secure = request.url.scheme == "https"
    return services_of(request).codec_sessions.opened(_to_page(), key, secure=secure)


@router.post(SIGN_OUT)
async def sign_out(request: Request) -> Response:
    _check_origin(request)
    return services_of(request).codec_sessions.closed(_to_page())


def _to_page() -> Response:
    return RedirectResponse(SIGN_IN, HTTPStatus.SEE_OTHER, headers={"Cache-Control": "no-store"})


def _check_origin(request: Request) -> None:
    """Another site's form must not sign a browser in or out. Raises `PaymentError` FORBIDDEN."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise PaymentError(ErrorCode.FORBIDDEN, "登录请求不是来自本页面")


async def _key(request: Request) -> str:
    """Raises `PaymentError` UNSUPPORTED_MEDIA_TYPE, TOO_LARGE, MALFORMED_JSON."""
    if not is_form(request.headers.get("content-type", ""), request.headers.get("content-encoding", "identity")):
        raise PaymentError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, "请用登录页面提交")
    try:
        values = parse_qs(await read_text(request), max_num_fields=_FIELDS_MAX).get("key", [""])
    except ValueError:
        raise PaymentError(ErrorCode.MALFORMED_JSON, "表单字段过多") from None
    return values[0].strip()


def _opened(caller: Caller) -> Access:
    return Access(AccessEvent.CODEC_SESSION_OPENED, caller.hospital.id, caller.key_name, caller.role.value)


def _places(request: Request) -> Places:
    return Places(
        codec=f"{str(request.base_url).rstrip('/')}{PATH}", ui=services_of(request).settings.codec_page_origin
    )
