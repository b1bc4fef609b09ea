"""Who calls: named keys. A key belongs to one hospital and one role; only its SHA-256 is kept (contract 2.4, 2.7)."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from api.access.refusals import AccessRefused, Holder, Reason
from domain.base import PaymentKey
from domain.errors import ErrorCode
from hospitals import Hospital, Role
from settings import Settings, is_loopback

logger = structlog.get_logger(__name__)

OWN_KEY_NAME = "MEDPAY_API_KEY"
OPEN_KEY_NAME = "MEDPAY_AUTH=none"
EXPIRY_WARNED_BEFORE = timedelta(days=30)


class UnsafeSettingsError(Exception):
    """The API would be open, or closed, to the wrong people. One line that names the setting."""


@dataclass(frozen=True)
class Caller:
    """Who a key says it is. `hmac_secret`: each of its calls must be signed with it."""

    hospital: Hospital
    key_name: str
    role: Role
    expires_at: datetime | None = None
    hmac_secret: str | None = field(default=None, repr=False)

    def payment(self, med_org_ord: str) -> PaymentKey:
        """A payment of the caller's hospital: no key reaches another one's."""
        return PaymentKey(hospital=self.hospital.id, med_org_ord=med_org_ord)

    def refused(self, reason: Reason, code: ErrorCode, message: str, retry_after_s: int | None = None) -> AccessRefused:
        """The refusal of a call with this key."""
        holder = Holder(self.hospital.id, self.key_name, self.role.value)
        return AccessRefused(reason, code, message, holder, retry_after_s)


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
                caller = Caller(hospital, key.name, Role(key.role), key.expires_at, key.hmac_secret)
                self._add(key.sha256, caller)
        if settings.auth == "none":
            self._anybody = Caller(_own_hospital(settings, hospitals), OPEN_KEY_NAME, Role.CALLER)
            logger.warning("api_open", reason="MEDPAY_AUTH=none: anybody who reaches this port may order payments")
        elif settings.api_key is not None:
            digest = _digest(settings.api_key.encode())
            self._add(digest, Caller(_own_hospital(settings, hospitals), OWN_KEY_NAME, Role.CALLER))
        elif not self._callers and not is_loopback(settings.api_host):
            raise UnsafeSettingsError(f"MEDPAY_API_KEY: no key is configured, and {settings.api_host} is not loopback")

    def who(self, token: str | None, now: datetime) -> Caller:
        """Raises `AccessRefused` UNAUTHORIZED. Every key is compared, each in constant time."""
        if self._anybody is not None:
            return self._anybody
        # The server decodes headers as Latin-1; this gives back the bytes that were sent.
        digest = _digest((token or "").encode("latin-1", "replace")).encode()
        found = [caller for known, caller in self._callers if hmac.compare_digest(known, digest)]
        if token is None or not found:
            reason = Reason.NO_KEY if token is None else Reason.UNKNOWN_KEY
            raise AccessRefused(reason, ErrorCode.UNAUTHORIZED, "缺少或无效的访问密钥(Authorization: Bearer)")
        caller = found[0]
        if caller.expires_at is not None and caller.expires_at <= now:
            raise caller.refused(Reason.EXPIRED_KEY, ErrorCode.UNAUTHORIZED, "访问密钥已过期(Authorization: Bearer)")
        return caller

    def _add(self, sha256: str, caller: Caller) -> None:
        if any(known == sha256.encode() for known, _ in self._callers):
            raise UnsafeSettingsError(f"the key {caller.key_name!r} of {caller.hospital.id!r} is configured twice")
        self._callers.append((sha256.encode(), caller))

    def warn_of_expiry(self, now: datetime) -> None:
        """Log each key that is over, or will soon be."""
        for _, caller in self._callers:
            if caller.expires_at is not None and caller.expires_at <= now + EXPIRY_WARNED_BEFORE:
                logger.warning(
                    "key_expires",
                    hospital=caller.hospital.id,
                    key_name=caller.key_name,
                    expires_at=caller.expires_at.isoformat(),
                )


def _digest(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()


def _own_hospital(settings: Settings, hospitals: Mapping[str, Hospital]) -> Hospital:
    if settings.hospital not in hospitals:
        raise UnsafeSettingsError(f"MEDPAY_HOSPITAL: {settings.hospital!r} is not in the hospitals file")
    return hospitals[settings.hospital]
