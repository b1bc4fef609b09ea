"""Who calls: bearer keys. A key belongs to one hospital and one role; only its SHA-256 is kept (contract 2.4, 2.7)."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import structlog
from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.request_trace import trace_of
from domain.errors import ErrorCode, PaymentError
from hospitals import Hospital
from settings import Settings, is_loopback

logger = structlog.get_logger(__name__)

OWN_KEY_NAME = "MEDPAY_API_KEY"
OPEN_KEY_NAME = "MEDPAY_AUTH=none"


class UnsafeSettingsError(Exception):
    """The API would be open, or closed, to the wrong people. One line that names the setting."""


class Role(StrEnum):
    CALLER = "caller"
    OPERATOR = "operator"
    APPROVER = "approver"
    AUDITOR = "auditor"


@dataclass(frozen=True)
class Caller:
    """Who a key says it is."""

    hospital: Hospital
    key_name: str
    role: Role


class Callers:
    """Every key that opens the API."""

    def __init__(self, settings: Settings, hospitals: Mapping[str, Hospital]) -> None:
        """Raises `UnsafeSettingsError`."""
        if settings.weak_api_key is not None:
            raise UnsafeSettingsError(settings.weak_api_key)
        self._callers: list[tuple[bytes, Caller]] = []
        self._anybody: Caller | None = None
        for hospital in hospitals.values():
            for key in hospital.keys:
                self._add(key.sha256, Caller(hospital, key.name, Role(key.role)))
        if settings.auth == "none":
            self._anybody = Caller(_own_hospital(settings, hospitals), OPEN_KEY_NAME, Role.CALLER)
            logger.warning("api_open", reason="MEDPAY_AUTH=none: anybody who reaches this port may order payments")
        elif settings.api_key is not None:
            digest = _digest(settings.api_key.encode())
            self._add(digest, Caller(_own_hospital(settings, hospitals), OWN_KEY_NAME, Role.CALLER))
        elif not self._callers and not is_loopback(settings.api_host):
            raise UnsafeSettingsError(f"MEDPAY_API_KEY: no key is configured, and {settings.api_host} is not loopback")

    def who(self, token: str | None) -> Caller:
        """Raises `PaymentError` UNAUTHORIZED. Every key is compared, each in constant time."""
        if self._anybody is not None:
            return self._anybody
        # The server decodes headers as Latin-1; this gives back the bytes that were sent.
        digest = _digest((token or "").encode("latin-1", "replace")).encode()
        found = [caller for known, caller in self._callers if hmac.compare_digest(known, digest)]
        if token is None or not found:
            raise PaymentError(ErrorCode.UNAUTHORIZED, "缺少或无效的访问密钥(Authorization: Bearer)")
        return found[0]

    def _add(self, sha256: str, caller: Caller) -> None:
        if any(known == sha256.encode() for known, _ in self._callers):
            raise UnsafeSettingsError(f"the key {caller.key_name!r} of {caller.hospital.id!r} is configured twice")
        self._callers.append((sha256.encode(), caller))


_BEARER = HTTPBearer(auto_error=False, description="访问密钥, 由医院侧发放: `Authorization: Bearer <key>`")


async def any_caller(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]
) -> Caller:
    """Any key of any role. Raises `PaymentError` UNAUTHORIZED."""
    callers: Callers = request.app.state.callers
    caller = callers.who(credentials.credentials if credentials is not None else None)
    trace = trace_of(request.scope)
    trace.hospital, trace.key_name = caller.hospital.id, caller.key_name
    return caller


AnyCaller = Annotated[Caller, Depends(any_caller)]


async def paying_caller(caller: AnyCaller) -> Caller:
    """A key that may order and settle. Raises `PaymentError` FORBIDDEN."""
    if caller.role is not Role.CALLER:
        raise PaymentError(ErrorCode.FORBIDDEN, "该访问密钥无权调用支付接口")
    return caller


PayingCaller = Annotated[Caller, Depends(paying_caller)]

_REVIEWING = frozenset({Role.OPERATOR, Role.APPROVER, Role.AUDITOR})
_PROPOSING = frozenset({Role.OPERATOR, Role.APPROVER})


async def reviewing_caller(caller: AnyCaller) -> Caller:
    """A person's key, which may look at the review queue. Raises `PaymentError` FORBIDDEN."""
    if caller.role not in _REVIEWING:
        raise PaymentError(ErrorCode.FORBIDDEN, "该访问密钥无权查看人工核查")
    return caller


async def proposing_caller(caller: AnyCaller) -> Caller:
    """A person's key that may propose what to do with a case. Raises `PaymentError` FORBIDDEN."""
    if caller.role not in _PROPOSING:
        raise PaymentError(ErrorCode.FORBIDDEN, "该访问密钥无权提议核查操作")
    return caller


async def approving_caller(caller: AnyCaller) -> Caller:
    """A person's key that may approve what another has proposed. Raises `PaymentError` FORBIDDEN."""
    if caller.role is not Role.APPROVER:
        raise PaymentError(ErrorCode.FORBIDDEN, "该访问密钥无权复核核查操作")
    return caller


ReviewingCaller = Annotated[Caller, Depends(reviewing_caller)]
ProposingCaller = Annotated[Caller, Depends(proposing_caller)]
ApprovingCaller = Annotated[Caller, Depends(approving_caller)]


async def withdrawing_caller(caller: AnyCaller) -> Caller:
    """A key that may withdraw a payment that is not paid yet. Raises `PaymentError` FORBIDDEN."""
    if caller.role not in {Role.CALLER, Role.OPERATOR}:
        raise PaymentError(ErrorCode.FORBIDDEN, "该访问密钥无权取消支付")
    return caller


WithdrawingCaller = Annotated[Caller, Depends(withdrawing_caller)]


async def rechecking_caller(caller: AnyCaller) -> Caller:
    """A person's key that may have a payment asked for at the centre. Raises `PaymentError` FORBIDDEN."""
    if caller.role not in {Role.OPERATOR, Role.APPROVER}:
        raise PaymentError(ErrorCode.FORBIDDEN, "该访问密钥无权要求核实支付")
    return caller


RecheckingCaller = Annotated[Caller, Depends(rechecking_caller)]


async def refunding_caller(caller: AnyCaller) -> Caller:
    """A key that may refund. Raises `PaymentError` FORBIDDEN."""
    if caller.role not in {Role.CALLER, Role.OPERATOR}:
        raise PaymentError(ErrorCode.FORBIDDEN, "该访问密钥无权退费")
    return caller


RefundingCaller = Annotated[Caller, Depends(refunding_caller)]


def _digest(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()


def _own_hospital(settings: Settings, hospitals: Mapping[str, Hospital]) -> Hospital:
    if settings.hospital not in hospitals:
        raise UnsafeSettingsError(f"MEDPAY_HOSPITAL: {settings.hospital!r} is not in the hospitals file")
    return hospitals[settings.hospital]
