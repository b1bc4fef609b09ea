"""Turns failures into answers: an HTTP status for each, one envelope for all, never a stack trace."""

from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError
from starlette.exceptions import HTTPException

from api.web.envelope import INTERNAL, METHOD_NOT_ALLOWED, NOT_FOUND, failure
from api.web.trace import log_failure, trace_of
from domain.errors import ErrorCode, PaymentError

RETRY_AFTER_S = 2
"""How long a caller is told to wait before repeating the call."""
STATUS: dict[ErrorCode, HTTPStatus] = {
    ErrorCode.PROCESSING: HTTPStatus.ACCEPTED,
    ErrorCode.UNAUTHORIZED: HTTPStatus.UNAUTHORIZED,
    ErrorCode.FORBIDDEN: HTTPStatus.FORBIDDEN,
    ErrorCode.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    ErrorCode.MALFORMED_JSON: HTTPStatus.UNPROCESSABLE_ENTITY,
    ErrorCode.RATE_LIMITED: HTTPStatus.TOO_MANY_REQUESTS,
    ErrorCode.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""Transport failures, and 202 for an open outcome. Every other code is a business answer with 200."""

_RETRYABLE = frozenset({ErrorCode.PROCESSING, ErrorCode.UNAVAILABLE, ErrorCode.RATE_LIMITED})
_HTTP_ERRORS: dict[int, tuple[str, str]] = {
    404: (NOT_FOUND, "没有这个接口地址"),
    405: (METHOD_NOT_ALLOWED, "该接口不支持这种请求方法"),
    413: (ErrorCode.TOO_LARGE, "请求体过大"),
    415: (ErrorCode.UNSUPPORTED_MEDIA_TYPE, "不支持的请求格式"),
}
_REFUSING = ("22", "23")
"""Classes of SQLSTATE: data exception, integrity constraint violation."""

_DATABASE_DOWN = "支付服务的数据库暂不可用, 请稍后用同一订单号重试"


class ApiError(PaymentError):
    """A failure answered with another `status` or `retry_after_s` than its code implies."""

    def __init__(
        self, code: ErrorCode, message: str, *, status: HTTPStatus | None = None, retry_after_s: int | None = None
    ) -> None:
        super().__init__(code, message)
        self.status = status
        self.retry_after_s = retry_after_s


def answer(error: PaymentError) -> Response:
    """The HTTP answer for `error`."""
    status, headers = status_of(error), headers_of(error)
    return failure(error.code.value, error.message, status, headers)


def status_of(error: PaymentError) -> HTTPStatus:
    own = error.status if isinstance(error, ApiError) else None
    return own or STATUS.get(error.code, HTTPStatus.OK)


def headers_of(error: PaymentError) -> dict[str, str]:
    """What a caller is told beside the envelope: when to call again, and how to sign in."""
    retry_after_s = error.retry_after_s if isinstance(error, ApiError) else None
    if retry_after_s is None and error.code in _RETRYABLE:
        retry_after_s = RETRY_AFTER_S
    headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    if error.code is ErrorCode.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return headers


def check_unavailable(error: Exception) -> None:
    """Log that the database is away. Raises `error` where it is there and refuses what we write, as it always will."""
    if isinstance(error, DBAPIError):
        sqlstate = str(getattr(error.orig, "sqlstate", "") or "")
        if isinstance(error, DataError | IntegrityError) or sqlstate.startswith(_REFUSING):
            raise error
    log_failure("database_unavailable", error)


def install_handlers(app: FastAPI) -> None:
    """Answer every failure below the middleware in the envelope. `RequestTracing` catches whatever is left."""
    app.add_exception_handler(PaymentError, _payment_error)
    app.add_exception_handler(HTTPException, _http_error)
    for unreachable in (SQLAlchemyError, OSError):
        app.add_exception_handler(unreachable, _database_down)


async def _payment_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, PaymentError):
        raise error
    trace_of(request.scope).error_code = error.code.value
    return answer(error)


async def _http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    code, message = _HTTP_ERRORS.get(error.status_code, (INTERNAL, "请求无法处理"))
    trace_of(request.scope).error_code = code
    return failure(code, message, error.status_code, error.headers)


async def _database_down(request: Request, error: Exception) -> Response:
    check_unavailable(error)
    return await _payment_error(request, PaymentError(ErrorCode.UNAVAILABLE, _DATABASE_DOWN))
