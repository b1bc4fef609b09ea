"""The codec server of Temporal's UI and command line: payloads in, as the workflow wrote them out.

And the page on which a browser signs in for it, and out again.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from google.protobuf import json_format
from temporalio.api.common.v1 import Payload, Payloads

from api.access.gate import Caller
from api.access.recording import note_access
from api.codec.door import DECODE, decoding_caller, may_decode, signed_in_key
from api.codec.page import SIGN_IN, SIGN_OUT, Places, asking, signed_in
from api.codec.service import NotYours, Opened
from api.codec.session import PATH
from api.services import services_of
from api.web.body import is_form, read_text
from api.web.errors import STATUS
from api.web.trace import trace_of
from domain.errors import ErrorCode, PaymentError
from security.access_log import Access, AccessEvent

router = APIRouter(include_in_schema=False)
"""Not in the interface's documents: Temporal's tools speak this, callers don't."""

_NOT_KEPT = {"Cache-Control": "no-store"}
_FORM_FIELDS_MAX = 10


@router.post(DECODE)
async def decode(request: Request, caller: Annotated[Caller, Depends(decoding_caller)]) -> Response:
    """Recorded before the answer leaves, whether it was granted or not."""
    payloads = _payloads(await _json(request))
    try:
        opened = await services_of(request).codec.open(payloads, caller.hospital.id)
    except NotYours as refused:
        note_access(request, _access(AccessEvent.CODEC_PAYLOAD_REFUSED, caller, refused.workflows))
        raise
    if opened.workflows:
        note_access(request, _granted(caller, opened))
    answer = json_format.MessageToJson(Payloads(payloads=opened.payloads), indent=None)
    return Response(answer, media_type="application/json", headers=_NOT_KEPT)


async def _json(request: Request) -> str:
    """Raises `PaymentError`. No HTML form can send this type, so no strange page can without asking first."""
    if is_form(request):
        raise PaymentError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, "请求格式(Content-Type)必须是application/json")
    return await read_text(request)


def _payloads(text: str) -> list[Payload]:
    """Raises `PaymentError` MALFORMED_JSON."""
    try:
        return list(json_format.Parse(text, Payloads(), ignore_unknown_fields=True).payloads)
    except (json_format.ParseError, RecursionError, ValueError):
        raise PaymentError(ErrorCode.MALFORMED_JSON, '请求内容必须是{"payloads": […]}') from None


def _granted(caller: Caller, opened: Opened) -> Access:
    return _access(AccessEvent.CODEC_PAYLOAD_DECODED, caller, opened.workflows, payloads=len(opened.payloads))


def _access(event: AccessEvent, caller: Caller, workflows: Sequence[str], **details: int) -> Access:
    """Of one workflow: it is the subject. Of several: they stand in the details."""
    subject = workflows[0] if len(workflows) == 1 else ""
    several = {} if subject else {"workflows": list(workflows)}
    return Access(event, caller.hospital.id, caller.key_name, caller.role.value, subject, {**details, **several})


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
        return asking(refused.message, STATUS[refused.code])
    note_access(request, _opened(caller))
    secure = request.url.scheme == "https"
    return services_of(request).codec_sessions.opened(_to_page(), key, secure=secure)


@router.post(SIGN_OUT)
async def sign_out(request: Request) -> Response:
    _check_origin(request)
    return services_of(request).codec_sessions.closed(_to_page())


def _to_page() -> Response:
    return RedirectResponse(SIGN_IN, HTTPStatus.SEE_OTHER, headers=_NOT_KEPT)


def _check_origin(request: Request) -> None:
    """Another site's form must not sign a browser in or out. Raises `PaymentError` FORBIDDEN."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise PaymentError(ErrorCode.FORBIDDEN, "登录请求不是来自本页面")


async def _key(request: Request) -> str:
    """Raises `PaymentError` UNSUPPORTED_MEDIA_TYPE, TOO_LARGE, MALFORMED_JSON."""
    if not is_form(request):
        raise PaymentError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, "请用登录页面提交")
    try:
        values = parse_qs(await read_text(request), max_num_fields=_FORM_FIELDS_MAX).get("key", [""])
    except ValueError:
        raise PaymentError(ErrorCode.MALFORMED_JSON, "表单字段过多") from None
    return values[0].strip()


def _opened(caller: Caller) -> Access:
    return Access(AccessEvent.CODEC_SESSION_OPENED, caller.hospital.id, caller.key_name, caller.role.value)


def _places(request: Request) -> Places:
    return Places(
        codec=f"{str(request.base_url).rstrip('/')}{PATH}", ui=services_of(request).settings.codec_page_origin
    )
