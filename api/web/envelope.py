"""The envelope that every answer of ours wears: CODE, MSG, DATA (contract 2.3), and the headers beside it."""

from collections.abc import Mapping
from typing import Any

from fastapi.responses import JSONResponse

ERROR_HEADER = "X-Error-Code"
REQUEST_ID_HEADER = "X-Request-Id"

NOT_FOUND = "NOT_FOUND"
METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
INTERNAL = "INTERNAL"
HEAD_TOO_LARGE = "HEAD_TOO_LARGE"
TOO_SLOW = "REQUEST_TIMEOUT"
NOT_HTTP = "BAD_REQUEST"
"""Reasons that only HTTP knows; every other one is a `domain.errors.ErrorCode`."""

_NOT_KEPT = {"Cache-Control": "no-store"}
"""Answers hold a patient's payment: no proxy and no browser may keep them."""


def success(data: Mapping[str, Any] | list[Mapping[str, Any]]) -> JSONResponse:
    """CODE 0. One record: an object; several: an array."""
    return JSONResponse({"CODE": 0, "MSG": "", "DATA": data}, headers=_NOT_KEPT)


def failure(code: str, message: str, status: int, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """CODE -1 and the Chinese reason, nothing more in the body. `code` is the machine-readable reason."""
    return JSONResponse(
        {"CODE": -1, "MSG": message}, status_code=status, headers={**_NOT_KEPT, ERROR_HEADER: code, **(headers or {})}
    )
