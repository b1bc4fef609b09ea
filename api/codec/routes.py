"""The codec endpoint of Temporal's UI and command line, and the page where a browser signs in to it and out."""

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from google.protobuf import json_format
from temporalio.api.common.v1 import Payload, Payloads

from api.access.keys import Caller
from api.access.recording import note_access
from api.codec.door import DECODE, decoding_caller, may_decode, signed_in_key
from api.codec.page import SIGN_IN, SIGN_OUT, Places, asking, signed_in
from api.codec.service import NotYours, check_count
from api.codec.session import COOKIE, PATH
from api.services import services_of
from api.web.body import is_form, read_text
from api.web.envelope import NO_STORE
from api.web.errors import STATUS, headers_of
from api.web.trace import trace_of
from domain.errors import ErrorCode, PaymentError
from security.access_log import Access, AccessEvent

router = APIRouter(include_in_schema=False)
"""Left out of /docs: Temporal's tools use it, callers don't."""

_FORM_FIELDS_MAX = 10


@router.post(DECODE)
async def decode(request: Request, caller: Annotated[Caller, Depends(decoding_caller)]) -> Response:
    """Temporal's `/decode`. Recorded in the access log before the answer leaves, granted or refused."""
    payloads = _payloads(await _json(request))
    try:
        opened = await services_of(request).codec.open(payloads, caller.hospital.id)
    except NotYours as refused:
        note_access(request, _access(AccessEvent.CODEC_PAYLOAD_REFUSED, caller, refused.workflows))
        raise
    if opened.workflows:
        event, count = AccessEvent.CODEC_PAYLOAD_DECODED, len(opened.payloads)
        note_access(request, _access(event, caller, opened.workflows, payloads=count))
    answer = json_format.MessageToJson(Payloads(payloads=opened.payloads), indent=None)
    return Response(answer, media_type="application/json", headers=NO_STORE)


async def _json(request: Request) -> str:
    """JSON only: a foreign page can't send that content type without a CORS preflight. Raises `PaymentError`."""
    if is_form(request):
        raise PaymentError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, "请求格式(Content-Type)必须是application/json")
    return await read_text(request)


def _payloads(text: str) -> list[Payload]:
    """Raises `PaymentError` MALFORMED_JSON or TOO_LARGE, before too much of it is made into payloads."""
    try:
        asked = json.loads(text)
        if not isinstance(asked, dict):
            raise ValueError("not an object")  # noqa: TRY301 - one refusal for whatever is no request
        check_count(asked.get("payloads"))
        return list(json_format.ParseDict(asked, Payloads(), ignore_unknown_fields=True).payloads)
    except (json_format.ParseError, RecursionError, ValueError):
        raise PaymentError(ErrorCode.MALFORMED_JSON, '请求内容必须是{"payloads": […]}') from None


def _access(event: AccessEvent, caller: Caller, workflows: Sequence[str], **details: int) -> Access:
    """A single workflow is the subject of the record; several are listed in its details."""
    subject = workflows[0] if len(workflows) == 1 else ""
    several = {} if subject else {"workflows": list(workflows)}
    return Access(event, caller.hospital.id, caller.key_name, caller.role.value, subject, {**details, **several})


@router.get(SIGN_IN)
async def page(request: Request) -> Response:
    key = await signed_in_key(request)
    if key is None:
        return asking()
    try:
        return signed_in(await may_decode(request, key), _places(request))
    except PaymentError:
        # The key has been removed from the hospitals file since.
        return services_of(request).codec_sessions.closed(asking())


@router.post(SIGN_IN)
async def sign_in(request: Request) -> Response:
    """Answers with a redirect, so that going back or reloading does not send the key again."""
    _check_origin(request)
    key = await _key(request)
    try:
        caller = await may_decode(request, key)
    except PaymentError as refused:
        trace_of(request.scope).error_code = refused.code.value
        refusal = asking(refused.message, STATUS[refused.code])
        refusal.headers.update(headers_of(refused))
        return refusal
    note_access(
        request, Access(AccessEvent.CODEC_SESSION_OPENED, caller.hospital.id, caller.key_name, caller.role.value)
    )
    secure = request.url.scheme == "https"
    return services_of(request).codec_sessions.opened(_to_page(), key, caller, secure=secure)


@router.post(SIGN_OUT)
async def sign_out(request: Request) -> Response:
    """Ends the session in all API processes, whoever else has its cookie."""
    _check_origin(request)
    sessions = services_of(request).codec_sessions
    await sessions.end(request.cookies.get(COOKIE, ""))
    return sessions.closed(_to_page())


def _to_page() -> Response:
    return RedirectResponse(SIGN_IN, HTTPStatus.SEE_OTHER, headers=NO_STORE)


def _check_origin(request: Request) -> None:
    """Another site's form must not sign a browser in or out. Raises `PaymentError` FORBIDDEN."""
    origin = request.headers.get("origin")
    if origin is not None and _host_of(origin) != request.headers.get("host"):
        raise PaymentError(ErrorCode.FORBIDDEN, "登录请求不是来自本页面")


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


async def _key(request: Request) -> str:
    """Raises `PaymentError` UNSUPPORTED_MEDIA_TYPE, TOO_LARGE, MALFORMED_JSON."""
    if not is_form(request):
        raise PaymentError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, "请用登录页面提交")
    try:
        values = parse_qs(await read_text(request), max_num_fields=_FORM_FIELDS_MAX).get("key", [""])
    except ValueError:
        raise PaymentError(ErrorCode.MALFORMED_JSON, "表单字段过多") from None
    return values[0].strip()


def _places(request: Request) -> Places:
    return Places(
        codec=f"{str(request.base_url).rstrip('/')}{PATH}", ui=services_of(request).settings.codec_page_origin
    )
