"""How large the head of a request may be: its address and its headers."""

from http import HTTPStatus
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from api.web.envelope import HEAD_TOO_LARGE, failure
from api.web.trace import trace_of

HEADERS_MAX: Final = 100
HEAD_BYTES_MAX: Final = 32 * 1024
"""A bearer key, a signature and a proxy's own headers take some 2 KiB."""

MESSAGE: Final = f"请求头过大: 最多{HEADERS_MAX}个, 连同地址共{HEAD_BYTES_MAX // 1024}KB"


class HeadLimits:
    """ASGI middleware. A head that never ends does not get as far: see `api.web.protocol`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and is_too_large(scope):
            trace_of(scope).error_code = HEAD_TOO_LARGE
            refusal = failure(HEAD_TOO_LARGE, MESSAGE, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)


def is_too_large(scope: Scope) -> bool:
    headers = scope["headers"]
    size = len(scope.get("raw_path") or b"") + len(scope["query_string"])
    return len(headers) > HEADERS_MAX or size + sum(len(name) + len(value) for name, value in headers) > HEAD_BYTES_MAX
