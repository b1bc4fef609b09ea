"""The envelope of every answer: CODE, MSG, DATA, and the headers beside it (contract 2.3)."""

from collections.abc import Mapping
from http import HTTPStatus
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
"""Error codes that only the HTTP layer uses; all others are `domain.errors.ErrorCode`."""

NO_STORE = {"Cache-Control": "no-store"}
"""Answers describe a patient's payment: no proxy or browser may keep them."""


def success(data: Mapping[str, Any] | list[Mapping[str, Any]], status: int = HTTPStatus.OK) -> JSONResponse:
    """CODE 0. `data`: an object for one record, an array for several."""
    return JSONResponse({"CODE": 0, "MSG": "", "DATA": data}, status_code=status, headers=NO_STORE)


def failure(code: str, message: str, status: int, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """CODE -1 and the Chinese `message`, nothing more in the body. `code`: the X-Error-Code."""
    return JSONResponse(
        {"CODE": -1, "MSG": message}, status_code=status, headers={**NO_STORE, ERROR_HEADER: code, **(headers or {})}
    )
