"""Records what people's keys read or request in the access log, before the answer leaves: no record, no answer.

Callers' payment calls are not recorded here: they are in the payments' histories.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import Request
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access.refusals import Refusals
from api.web.errors import answer
from api.web.trace import RequestTrace, route_template, trace_of
from domain.errors import ErrorCode, PaymentError
from domain.ids import payment_workflow_id
from hospitals import Role
from security.access_log import Access, AccessEvent
from security.masking.values import mask_text
from storage.session import Database

logger = structlog.get_logger(__name__)

Route = tuple[str, str]
_PAYMENT, _REVIEW = "/api/v1/payments/{medOrgOrd}", "/api/v1/reviews/{medOrgOrd}"

EVENTS: Final[Mapping[Route, AccessEvent]] = {
    ("GET", "/api/v1/payments"): AccessEvent.API_PAYMENT_LISTED,
    ("GET", _PAYMENT): AccessEvent.API_PAYMENT_READ,
    ("POST", f"{_PAYMENT}/cancel"): AccessEvent.API_PAYMENT_CANCELLED,
    ("POST", f"{_PAYMENT}/recheck"): AccessEvent.API_PAYMENT_RECHECKED,
    ("POST", f"{_PAYMENT}/refunds"): AccessEvent.API_REFUND_REQUESTED,
    ("GET", f"{_PAYMENT}/refunds/{{refundNo}}"): AccessEvent.API_REFUND_READ,
    ("GET", "/api/v1/reviews"): AccessEvent.API_REVIEW_LISTED,
    ("GET", _REVIEW): AccessEvent.API_REVIEW_READ,
    ("POST", f"{_REVIEW}/proposals"): AccessEvent.API_REVIEW_PROPOSED,
    ("POST", f"{_REVIEW}/approvals"): AccessEvent.API_REVIEW_APPROVED,
}
"""The event of each route that people's keys may call. A test checks that no route is missing."""

_NOTED = "medpay.access"
_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_NOT_RECORDED = "访问记录暂不可写, 未予答复, 请稍后重试"


def note_access(request: Request, access: Access) -> None:
    """Record `access` instead of the route's event, for a route whose path does not say what is accessed."""
    request.scope[_NOTED] = access


class AccessRecording:
    """ASGI middleware; must run inside `RequestTracing`."""

    def __init__(self, app: ASGIApp, database: Database, refusals: Refusals) -> None:
        self._app = app
        self._database = database
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        withheld = False

        async def send_recorded(message: Message) -> None:
            nonlocal withheld
            if message["type"] == "http.response.start" and not await self._recorded(scope, int(message["status"])):
                withheld = True
                trace_of(scope).error_code = ErrorCode.UNAVAILABLE.value
                await answer(PaymentError(ErrorCode.UNAVAILABLE, _NOT_RECORDED))(scope, receive, send)
            if not withheld:
                await send(message)

        await self._app(scope, receive, send_recorded)

    async def _recorded(self, scope: Scope, status: int) -> bool:
        """Whether the answer may leave. A refusal always may: it discloses nothing."""
        access = _access(scope, status)
        if access is not None:
            return await write(self._database, [access])
        refused = self._refusals.seen(_refusal(scope)) if status in _REFUSED else self._refusals.due()
        await write(self._database, refused)
        return True


async def write(database: Database, accesses: list[Access]) -> bool:
    """Append to the access log. False if that failed; the process log then says so."""
    if not accesses:
        return True
    try:
        async with database.begin() as unit:
            heads = await unit.access.append_all(accesses)
    except (SQLAlchemyError, OSError) as error:
        events = [access.event.value for access in accesses]
        # Only the type: the error's own text holds SQL and its parameters.
        logger.error("access_not_recorded", error=type(error).__name__, events=events)  # noqa: TRY400 - its traceback would quote the row
        return False
    for access, head in zip(accesses, heads, strict=True):
        # Keeps the chain's head outside the database: an access log truncated or rewritten no longer holds this digest.
        logger.info("access_recorded", access=access.event.value, sequence=head.sequence, digest=head.digest)
    return True


def _access(scope: Scope, status: int) -> Access | None:
    """What a person accessed; None if nothing was, or not by a person."""
    if (noted := scope.get(_NOTED)) is not None:
        access: Access = noted
        return access
    trace, route = trace_of(scope), (scope["method"], route_template(scope))
    if status in _REFUSED or trace.role in {"", Role.CALLER} or route not in EVENTS:
        return None
    return Access(EVENTS[route], trace.hospital, trace.key_name, trace.role, _subject(trace), _details(trace))


def _refusal(scope: Scope) -> Access:
    trace = trace_of(scope)
    client = scope.get("client") or ("unknown", 0)
    details: dict[str, Any] = {**_details(trace), "route": f"{scope['method']} {route_template(scope)}"}
    actor, subject = trace.key_name or mask_text(str(client[0])), _subject(trace)
    return Access(AccessEvent.API_KEY_REFUSED, trace.hospital, actor, trace.role, subject, details)


def _subject(trace: RequestTrace) -> str:
    """Masked: an identity number may have been typed where an order number belongs."""
    return mask_text(payment_workflow_id(trace.hospital, trace.med_org_ord)) if trace.med_org_ord else ""


def _details(trace: RequestTrace) -> dict[str, Any]:
    about = {"proposal": trace.proposal} if trace.proposal else {}
    return {"answer": trace.error_code or "OK", **about}
