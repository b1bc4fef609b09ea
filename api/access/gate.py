"""Access control of every route under /api/v1: a valid key, within its rate limit, of the right role, and signed."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.access.keys import Caller, Callers
from api.access.limits import RateLimits, address_of
from api.access.refusals import AccessRefused, Reason, report
from api.access.rights import RULES, Right
from api.access.signing import check_signature
from api.web.trace import trace_of
from domain.errors import ErrorCode
from storage.session import Database

_KEY, _KEYLESS = "key", "keyless"
"""Refusals are counted separately: wrong keys from behind a proxy must not lock out the centre's notices."""


class Gate:
    """Authenticates and authorises calls; one per process, at `app.state.gate`."""

    def __init__(self, callers: Callers, limits: RateLimits, database: Database) -> None:
        self._callers = callers
        self._limits = limits
        self._database = database

    async def admit(self, request: Request, token: str | None, right: Right) -> Caller:
        """The caller behind `token`, if it has `right`.

        Raises `AccessRefused` UNAUTHORIZED, FORBIDDEN or RATE_LIMITED, and whatever `check_signature` raises.
        """
        now = datetime.now(UTC)
        caller = self._known(request, token, now)
        if caller.hmac_secret is not None:
            # Before anything is counted: whoever has only the key must not use up its calls.
            await self._check_signature(request, caller, caller.hmac_secret, now)
        if wait_s := self._limits.calls.count(caller.hospital.id, caller.key_name):
            raise caller.refused(Reason.TOO_MANY_CALLS, ErrorCode.RATE_LIMITED, "该访问密钥调用过于频繁", wait_s)
        rule = RULES[right]
        if caller.role not in rule.roles:
            raise caller.refused(Reason.WRONG_ROLE, ErrorCode.FORBIDDEN, rule.refusal)
        return caller

    def admit_keyless(self, request: Request) -> None:
        """A call that proves itself by other means than a key (6302). Raises `AccessRefused` RATE_LIMITED."""
        if wait_s := self._limits.refusals.spent(_KEYLESS, _address(request)):
            raise _too_many_refusals(wait_s)

    def count_refusal(self, request: Request) -> None:
        """Count a keyless call whose proof failed."""
        self._limits.refusals.count(_KEYLESS, _address(request))

    def _known(self, request: Request, token: str | None, now: datetime) -> Caller:
        """A valid key gets in however many calls from its address were refused: they may share a proxy."""
        try:
            return self._callers.who(token, now)
        except AccessRefused as refused:
            raise self._counted(request, refused) from None

    async def _check_signature(self, request: Request, caller: Caller, secret: str, now: datetime) -> None:
        try:
            await check_signature(request, caller, secret, self._database, now)
        except AccessRefused as refused:
            raise self._counted(request, refused) from None

    def _counted(self, request: Request, refused: AccessRefused) -> AccessRefused:
        """`refused`, or that its address was refused too often."""
        wait_s = self._limits.refusals.count(_KEY, _address(request))
        return _too_many_refusals(wait_s) if wait_s else refused


_BEARER = HTTPBearer(auto_error=False, description="访问密钥, 由医院侧发放: `Authorization: Bearer <key>`")


class Requires:
    """A route's dependency: the caller, who must have `right`. Raises as `authorise`."""

    def __init__(self, right: Right) -> None:
        self.right = right

    async def __call__(
        self, request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]
    ) -> Caller:
        return await authorise(request, credentials.credentials if credentials else None, self.right)


async def authorise(request: Request, token: str | None, right: Right) -> Caller:
    """The caller, also noted in the request's trace. A refusal is logged. Raises as `Gate.admit`."""
    try:
        caller = await gate_of(request).admit(request, token, right)
    except AccessRefused as refused:
        report(request, refused)
        raise
    trace = trace_of(request.scope)
    trace.hospital, trace.key_name, trace.role = caller.hospital.id, caller.key_name, caller.role.value
    return caller


async def demand(request: Request, right: Right) -> Caller:
    """As `Requires`, for a route that needs a key only under some settings."""
    return await Requires(right)(request, await _BEARER(request))


AnyCaller = Annotated[Caller, Depends(Requires(Right.LOOK))]
PayingCaller = Annotated[Caller, Depends(Requires(Right.PAY))]
WithdrawingCaller = Annotated[Caller, Depends(Requires(Right.WITHDRAW))]
RefundingCaller = Annotated[Caller, Depends(Requires(Right.REFUND))]
RecheckingCaller = Annotated[Caller, Depends(Requires(Right.RECHECK))]
ReviewingCaller = Annotated[Caller, Depends(Requires(Right.REVIEW))]
ProposingCaller = Annotated[Caller, Depends(Requires(Right.PROPOSE))]
ApprovingCaller = Annotated[Caller, Depends(Requires(Right.APPROVE))]


def gate_of(request: Request) -> Gate:
    """The gate of the application that serves `request`."""
    gate: Gate = request.app.state.gate
    return gate


def _address(request: Request) -> str:
    return address_of(request.client.host if request.client else None)


def _too_many_refusals(wait_s: int) -> AccessRefused:
    return AccessRefused(
        Reason.TOO_MANY_REFUSALS, ErrorCode.RATE_LIMITED, "未通过鉴权的调用过于频繁", retry_after_s=wait_s
    )
