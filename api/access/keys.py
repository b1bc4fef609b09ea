"""Named API keys. Each belongs to one hospital and one role; only its SHA-256 is kept (contract 2.4, 2.7)."""

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
    """The settings would open the API to the wrong people, or lock out the right ones. One line naming the setting."""


@dataclass(frozen=True)
class Caller:
    """The holder of a key. Where it has an `hmac_secret`, each of its calls must be signed with it."""

    hospital: Hospital
    key_name: str
    role: Role
    expires_at: datetime | None = None
    hmac_secret: str | None = field(default=None, repr=False)

    def payment(self, med_org_ord: str) -> PaymentKey:
        """A payment of the caller's own hospital: no key reaches another hospital's."""
        return PaymentKey(hospital=self.hospital.id, med_org_ord=med_org_ord)

    def refused(self, reason: Reason, code: ErrorCode, message: str, retry_after_s: int | None = None) -> AccessRefused:
        """An `AccessRefused` that names this key."""
        holder = Holder(self.hospital.id, self.key_name, self.role.value)
        return AccessRefused(reason, code, message, holder, retry_after_s)


class Callers:
    """Every key that the API accepts."""

    def __init__(self, settings: Settings, hospitals: Mapping[str, Hospital]) -> None:
        """Raises `UnsafeSettingsError`."""
        if settings.weak_api_key is not None:
            raise UnsafeSettingsError(settings.weak_api_key)
        self._callers: list[tuple[bytes, Caller]] = []
        self._open_to: Caller | None = None
        for hospital in hospitals.values():
            for key in hospital.keys:
                caller = Caller(hospital, key.name, Role(key.role), key.expires_at, key.hmac_secret)
                self._add(key.sha256, caller)
        if settings.auth == "none":
            self._open_to = Caller(_own_hospital(settings, hospitals), OPEN_KEY_NAME, Role.CALLER)
            logger.warning("api_open", reason="MEDPAY_AUTH=none: anyone who reaches this port can order payments")
        elif settings.api_key is not None:
            digest = _digest(settings.api_key.encode())
            self._add(digest, Caller(_own_hospital(settings, hospitals), OWN_KEY_NAME, Role.CALLER))
        elif not self._callers and not is_loopback(settings.api_host):
            raise UnsafeSettingsError(f"MEDPAY_API_KEY: no key is configured, and {settings.api_host} is not loopback")

    def who(self, token: str | None, now: datetime) -> Caller:
        """The holder of the key `token`. Raises `AccessRefused` UNAUTHORIZED. Compares every key, in constant time."""
        if self._open_to is not None:
            return self._open_to
        # The server decodes headers as Latin-1; encoding them again restores the bytes that were sent.
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
        """Log a warning for each key that has expired or soon will."""
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
