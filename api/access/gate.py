"""The door of every route under /api/v1: a key that is known, in force, not too busy, of the right role, and signed."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.access.keys import Caller, Callers, UnsafeSettingsError
from api.access.limits import RateLimits, address_of
from api.access.refusals import AccessRefused, Reason, report
from api.access.rights import RULES, Right
from api.access.signing import check_signature
from api.web.trace import trace_of
from domain.errors import ErrorCode
from hospitals import Role
from storage.session import Database

__all__ = [
    "AnyCaller",
    "ApprovingCaller",
    "Caller",
    "Callers",
    "Door",
    "Gate",
    "PayingCaller",
    "ProposingCaller",
    "RecheckingCaller",
    "RefundingCaller",
    "ReviewingCaller",
    "Right",
    "Role",
    "UnsafeSettingsError",
    "WithdrawingCaller",
    "demand",
    "gate_of",
]


_KEY, _STRANGER = "key", "stranger"
"""Counted apart: wrong keys behind a proxy must not keep the centre's notices out."""


class Gate:
    """Decides who comes in; one per process, at `app.state.gate`."""

    def __init__(self, callers: Callers, limits: RateLimits, database: Database) -> None:
        self._callers = callers
        self._limits = limits
        self._database = database

    async def admit(self, request: Request, token: str | None, right: Right) -> Caller:
        """Who calls. Raises `AccessRefused` UNAUTHORIZED, FORBIDDEN or RATE_LIMITED; as `check_signature`."""
        now = datetime.now(UTC)
        caller = await self._known(request, token, now)
        if wait_s := await self._limits.calls.count(caller.hospital.id, caller.key_name):
            raise caller.refused(Reason.TOO_MANY_CALLS, ErrorCode.RATE_LIMITED, "该访问密钥调用过于频繁", wait_s)
        rule = RULES[right]
        if caller.role not in rule.roles:
            raise caller.refused(Reason.WRONG_ROLE, ErrorCode.FORBIDDEN, rule.refusal)
        if caller.hmac_secret is not None:
            await check_signature(request, caller, caller.hmac_secret, self._database, now)
        return caller

    async def admit_stranger(self, request: Request) -> None:
        """A call that brings no key, but a proof of its own. Raises `AccessRefused` RATE_LIMITED."""
        if wait_s := await self._limits.refusals.spent(_STRANGER, _address(request)):
            raise _too_many_refusals(wait_s)

    async def count_refusal(self, request: Request) -> None:
        """The proof did not hold."""
        await self._limits.refusals.count(_STRANGER, _address(request))

    async def _known(self, request: Request, token: str | None, now: datetime) -> Caller:
        """A key that opens is let in however many others at its address don't: they may share a proxy."""
        try:
            return self._callers.who(token, now)
        except AccessRefused as refused:
            if wait_s := await self._limits.refusals.count(_KEY, _address(request)):
                raise _too_many_refusals(wait_s) from refused
            raise


_BEARER = HTTPBearer(auto_error=False, description="访问密钥, 由医院侧发放: `Authorization: Bearer <key>`")


class Door:
    """A route's dependency: who calls, if the key has the right. Raises as `enter`."""

    def __init__(self, right: Right) -> None:
        self.right = right

    async def __call__(
        self, request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]
    ) -> Caller:
        return await enter(request, credentials.credentials if credentials else None, self.right)


async def enter(request: Request, token: str | None, right: Right) -> Caller:
    """Who calls, also for the request's trace. Raises as `Gate.admit`, after telling of it."""
    try:
        caller = await gate_of(request).admit(request, token, right)
    except AccessRefused as refused:
        report(request, refused)
        raise
    trace = trace_of(request.scope)
    trace.hospital, trace.key_name, trace.role = caller.hospital.id, caller.key_name, caller.role.value
    return caller


async def demand(request: Request, right: Right) -> Caller:
    """What a `Door` does, for a route whose need of a key depends on the settings."""
    return await Door(right)(request, await _BEARER(request))


AnyCaller = Annotated[Caller, Depends(Door(Right.LOOK))]
PayingCaller = Annotated[Caller, Depends(Door(Right.PAY))]
WithdrawingCaller = Annotated[Caller, Depends(Door(Right.WITHDRAW))]
RefundingCaller = Annotated[Caller, Depends(Door(Right.REFUND))]
RecheckingCaller = Annotated[Caller, Depends(Door(Right.RECHECK))]
ReviewingCaller = Annotated[Caller, Depends(Door(Right.REVIEW))]
ProposingCaller = Annotated[Caller, Depends(Door(Right.PROPOSE))]
ApprovingCaller = Annotated[Caller, Depends(Door(Right.APPROVE))]


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
