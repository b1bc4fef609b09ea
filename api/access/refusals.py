"""Who was not let in, and why: every refusal of a key passes through `report`."""

from enum import StrEnum

import structlog
from fastapi import Request

from api.access.rights import Role
from api.web.errors import ApiError
from api.web.trace import route_template, trace_of
from domain.errors import ErrorCode

logger = structlog.get_logger(__name__)


class Reason(StrEnum):
    NO_KEY = "no_key"
    UNKNOWN_KEY = "unknown_key"
    EXPIRED_KEY = "expired_key"
    WRONG_ROLE = "wrong_role"
    UNSIGNED = "unsigned"
    BAD_SIGNATURE = "bad_signature"
    STALE_SIGNATURE = "stale_signature"
    REPLAYED = "replayed"
    TOO_MANY_CALLS = "too_many_calls"
    TOO_MANY_REFUSALS = "too_many_refusals"


class AccessRefused(ApiError):
    """A call that is not let in. `key_name`, `hospital` and `role` are empty where nobody is known."""

    def __init__(
        self,
        reason: Reason,
        code: ErrorCode,
        message: str,
        *,
        hospital: str = "",
        key_name: str = "",
        role: Role | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(code, message, retry_after_s=retry_after_s)
        self.reason = reason
        self.hospital = hospital
        self.key_name = key_name
        self.role = role


def report(request: Request, refused: AccessRefused) -> None:
    """The one place where refusals are known: key's name, role, route, reason, and where the call came from."""
    trace = trace_of(request.scope)
    trace.hospital, trace.key_name = refused.hospital, refused.key_name
    trace.role = refused.role.value if refused.role else ""
    logger.warning(
        "access_refused",
        reason=refused.reason.value,
        hospital=refused.hospital,
        key_name=refused.key_name,
        role=refused.role.value if refused.role else "",
        method=request.method,
        route=route_template(request.scope),
        client=request.client.host if request.client else "",
    )
