"""The API on uvicorn: with limits, without a server banner, over TLS if a certificate is configured.

uvicorn itself limits neither the time that a request or its answer may take nor the size of its head: a client that
opens connections and sends nothing, or a byte a minute, would hold them for ever.
"""

import asyncio
import json
import uuid
from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from api.web.envelope import ERROR_HEADER, HEAD_TOO_LARGE, NOT_HTTP, REQUEST_ID_HEADER, TOO_SLOW, failure
from api.web.errors import RETRY_AFTER_S
from api.web.headers import HEADERS, HSTS
from api.web.trace import trace_of
from domain.errors import ErrorCode
from settings import Settings

logger = structlog.get_logger(__name__)

HEADERS_MAX: Final = 100
HEAD_BYTES_MAX: Final = 32 * 1024
"""Of a request's URL and headers together. A bearer key, a signature and a proxy's headers take some 2 KiB."""
UNFINISHED_HEAD_BYTES_MAX: Final = 64 * 1024
"""Of an incomplete head. Above `HEAD_BYTES_MAX`, so that a complete one is refused by `HeadLimits` instead."""
FRAMING_BYTES_MAX: Final = HEAD_BYTES_MAX
"""Of what comes with a chunked body and is none of it: extensions of chunks, and trailers."""
CHUNK_FRAMING_BYTES: Final = 16
"""What every chunk may have for its size and line ends."""
KEEP_ALIVE_S: Final = 75
"""Longer than the idle timeout of common proxies, so that they never reuse a connection that we are just closing."""
HEAD_MESSAGE: Final = f"请求头过大: 最多{HEADERS_MAX}个, 连同地址共{HEAD_BYTES_MAX // 1024}KB"
FRAMING_MESSAGE: Final = f"分块传输的扩展和尾部字段过大: 最多{FRAMING_BYTES_MAX // 1024}KB"


def server_config(application: FastAPI, settings: Settings) -> Config:
    """The configuration to run the API on uvicorn with."""
    tls = settings.api_tls
    limits = {
        "request_timeout_s": settings.request_timeout_s,
        # Longer than a call can take by its own limits, so that it ends only calls that are stuck.
        "answer_timeout_s": settings.sync_wait_s + 2 * settings.request_timeout_s,
    }
    protocol = type("Protocol", (BoundedHttpProtocol,), limits)
    return Config(
        application,
        host=settings.api_host,
        port=settings.api_port,
        http=protocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        # Ours is `api.web.client_address`: uvicorn believes any name, and whoever its own variable says.
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=settings.sync_wait_s,
        ssl_certfile=tls.cert if tls else None,
        ssl_keyfile=tls.key if tls else None,
    )


class HeadLimits:
    """ASGI middleware that refuses oversized heads. An incomplete one is refused by `BoundedHttpProtocol`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and is_too_large(scope):
            trace_of(scope).error_code = HEAD_TOO_LARGE
            refusal = failure(HEAD_TOO_LARGE, HEAD_MESSAGE, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)


def is_too_large(scope: Scope) -> bool:
    headers = scope["headers"]
    size = len(scope.get("raw_path") or b"") + len(scope["query_string"])
    return len(headers) > HEADERS_MAX or size + sum(len(name) + len(value) for name, value in headers) > HEAD_BYTES_MAX


class BoundedHttpProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with time limits, and without trailers, which uvicorn takes for headers.

    `request_timeout_s`: from the start of the connection or the request's first byte to the request's last byte.
    `answer_timeout_s`: from there until the caller has read the whole answer.
    """

    request_timeout_s: float = 30
    answer_timeout_s: float = 75

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._arriving: asyncio.TimerHandle | None = None
        self._answering: asyncio.TimerHandle | None = None
        self._head_bytes: int | None = 0
        """Bytes seen of the head now arriving; None while none is."""
        self._framing_bytes = 0
        """Bytes seen of the body now arriving that are none of its content."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._expect_end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_has_come()
        self._answer_has_gone()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._head_bytes is not None:
            self._head_bytes += len(data)
        else:
            self._framing_bytes += len(data)
        super().data_received(data)
        if self._is_idle() and self._arriving is None and not self.transport.is_closing():
            self._expect_end()  # blank lines between requests, which cancel uvicorn's own keep-alive timeout
        if self._head_bytes is not None and self._head_bytes > UNFINISHED_HEAD_BYTES_MAX:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, HEAD_TOO_LARGE, HEAD_MESSAGE)
        elif self._head_bytes is None and self._framing_bytes > FRAMING_BYTES_MAX:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, HEAD_TOO_LARGE, FRAMING_MESSAGE)

    def _unsupported_upgrade_warning(self) -> None:
        """Silenced: uvicorn would log advice to install a WebSocket library on every upgrade request."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._head_bytes is None:
            self._head_bytes = 0
        self._expect_end()

    def on_header(self, name: bytes, value: bytes) -> None:
        # After the head it is a trailer, which nobody asked for and no proxy has checked.
        if self._head_bytes is not None:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._head_bytes, self._framing_bytes = None, 0
        super().on_headers_complete()

    def on_chunk_header(self) -> None:
        self._framing_bytes -= CHUNK_FRAMING_BYTES

    def on_body(self, body: bytes) -> None:
        self._framing_bytes -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._end_has_come()
        super().on_message_complete()
        self._expect_answer()

    def on_response_complete(self) -> None:
        self._answer_has_gone()
        super().on_response_complete()
        self._expect_answer()  # to a pipelined request

    def send_400_response(self, msg: str) -> None:
        """In our envelope, without `msg`, which may contain anything."""
        del msg
        self._refuse(HTTPStatus.BAD_REQUEST, NOT_HTTP, "不是有效的HTTP请求")

    def _is_idle(self) -> bool:
        return (self.cycle is None or self.cycle.response_complete) and self.timeout_keep_alive_task is None

    def _expect_end(self) -> None:
        self._end_has_come()
        self._arriving = self.loop.call_later(self.request_timeout_s, self._is_too_slow)

    def _end_has_come(self) -> None:
        if self._arriving is not None:
            self._arriving.cancel()
            self._arriving = None

    def _expect_answer(self) -> None:
        self._answer_has_gone()
        if self.cycle is not None and not self.cycle.response_complete and not self.cycle.more_body:
            self._answering = self.loop.call_later(self.answer_timeout_s, self._is_stuck)

    def _answer_has_gone(self) -> None:
        if self._answering is not None:
            self._answering.cancel()
            self._answering = None

    def _is_stuck(self) -> None:
        self._answering = None
        logger.error("answer_too_slow", client=self.client[0] if self.client else "")
        if not self._is_answerable():
            self.transport.abort()  # closing would wait for a caller that does not read
            return
        self._refuse(
            HTTPStatus.SERVICE_UNAVAILABLE, ErrorCode.UNAVAILABLE, "支付服务未在时限内答复, 请稍后用同样的内容重试"
        )

    def _is_too_slow(self) -> None:
        self._arriving = None
        if self.transport.is_closing():
            return
        logger.warning("request_too_slow", client=self.client[0] if self.client else "")
        seconds = f"{self.request_timeout_s:g}"
        self._refuse(HTTPStatus.REQUEST_TIMEOUT, TOO_SLOW, f"请求未在{seconds}秒内发送完")

    def _refuse(self, status: HTTPStatus, code: str, message: str) -> None:
        """Answer if the caller can still read an answer, and close. The application sees a disconnected client."""
        answerable = self._is_answerable()
        self._end_has_come()
        self._head_bytes = None
        if self.transport.is_closing():
            return
        if answerable:
            self.transport.write(_answer(status, code, message, secure=self.scheme == "https"))
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()

    def _is_answerable(self) -> bool:
        """Whether a refusal written now would be read as the answer to the request that is arriving."""
        if self.cycle is None:
            return True
        next_head_arrives = self._head_bytes is not None
        if self.cycle.response_complete:
            return next_head_arrives or not self.cycle.more_body
        return not (next_head_arrives or self.cycle.response_started or self.pipeline)


def _answer(status: HTTPStatus, code: str, message: str, *, secure: bool) -> bytes:
    body = json.dumps({"CODE": -1, "MSG": message}, ensure_ascii=False).encode()
    headers = {
        **HEADERS,
        **({"Strict-Transport-Security": HSTS} if secure else {}),
        **({"Retry-After": str(RETRY_AFTER_S)} if status is HTTPStatus.SERVICE_UNAVAILABLE else {}),
        ERROR_HEADER: code,
        REQUEST_ID_HEADER: uuid.uuid4().hex,
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
    }
    head = "".join(f"{name.lower()}: {value}\r\n" for name, value in headers.items())
    return b"".join((STATUS_LINE[status], head.encode("ascii"), b"\r\n", body))
