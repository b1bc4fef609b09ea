"""The codec server of Temporal's UI and command line: payloads in, as the workflow wrote them out."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from google.protobuf import json_format
from temporalio.api.common.v1 import Payload, Payloads

from api.access.gate import Caller
from api.access.recording import note_access
from api.codec.door import DECODE, decoding_caller
from api.codec.service import NotYours, Opened
from api.services import services_of
from api.web.body import is_form, read_text
from domain.errors import ErrorCode, PaymentError
from security.access_log import Access, AccessEvent

router = APIRouter(include_in_schema=False)
"""Not in the interface's documents: Temporal's tools speak this, callers don't."""

_NOT_KEPT = {"Cache-Control": "no-store"}


@router.post(DECODE)
async def decode(request: Request, caller: Annotated[Caller, Depends(decoding_caller)]) -> Response:
    """Recorded before the answer leaves, whether it was granted or not."""
    payloads = _payloads(await _json(request))
    try:
        opened = await services_of(request).codec.open(payloads, caller.hospital.id)
    except NotYours as refused:
        note_access(request, _access(AccessEvent.CODEC_PAYLOAD_REFUSED, caller, refused.workflows))
        raise
    if opened.anything:
        note_access(request, _granted(caller, opened))
    answer = json_format.MessageToJson(Payloads(payloads=opened.payloads), indent=None)
    return Response(answer, media_type="application/json", headers=_NOT_KEPT)


async def _json(request: Request) -> str:
    """Raises `PaymentError`. No HTML form can send this type, so no strange page can without asking first."""
    if is_form(request.headers.get("content-type", ""), request.headers.get("content-encoding", "identity")):
        raise PaymentError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, "请求格式(Content-Type)必须是application/json")
    return await read_text(request)


def _payloads(text: str) -> list[Payload]:
    """Raises `PaymentError` MALFORMED_JSON."""
    try:
        return list(json_format.Parse(text, Payloads(), ignore_unknown_fields=True).payloads)
    except (json_format.ParseError, RecursionError, ValueError):
        raise PaymentError(ErrorCode.MALFORMED_JSON, '请求内容必须是{"payloads": […]}') from None


def _granted(caller: Caller, opened: Opened) -> Access:
    older = {"unnamed": opened.unnamed} if opened.unnamed else {}
    return _access(AccessEvent.CODEC_PAYLOAD_DECODED, caller, opened.workflows, payloads=len(opened.payloads), **older)


def _access(event: AccessEvent, caller: Caller, workflows: Sequence[str], **details: int) -> Access:
    """Of one workflow: it is the subject. Of several: they stand in the details."""
    subject = workflows[0] if len(workflows) == 1 else ""
    several = {} if subject else {"workflows": list(workflows)}
    return Access(event, caller.hospital.id, caller.key_name, caller.role.value, subject, {**details, **several})
