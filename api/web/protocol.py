"""uvicorn's HTTP, with what it leaves out: a request arrives in time, its head within a size, and is answered in time.

Whoever opens connections and sends nothing, or a byte a minute, would otherwise hold them for ever.
"""

import asyncio
import json
import uuid
from http import HTTPStatus
from typing import Any

import structlog
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from api.web.envelope import ERROR_HEADER, HEAD_TOO_LARGE, NOT_HTTP, REQUEST_ID_HEADER, TOO_SLOW
from api.web.errors import RETRY_AFTER_S
from api.web.head_limits import MESSAGE as HEAD_MESSAGE
from api.web.headers import HEADERS, HSTS
from domain.errors import ErrorCode

logger = structlog.get_logger(__name__)

UNFINISHED_HEAD_BYTES_MAX = 64 * 1024
"""Of a head whose end has not come; above `head_limits`, whose answer is the better one where the end has come."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """`request_timeout_s`: from a request's first byte, or the connection's begin, to the request's last byte.

    `answer_timeout_s`: from there to the end of its answer, the caller's reading included.
    """

    request_timeout_s: float = 30
    answer_timeout_s: float = 75

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._arriving: asyncio.TimerHandle | None = None
        self._answering: asyncio.TimerHandle | None = None
        self._head_bytes: int | None = 0
        """Seen of the head that is arriving; None while no head is."""

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
        super().data_received(data)
        if self._is_idle() and self._arriving is None and not self.transport.is_closing():
            self._expect_end()  # line ends between two requests: they ended uvicorn's own wait for the next one
        if self._head_bytes is not None and self._head_bytes > UNFINISHED_HEAD_BYTES_MAX:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, HEAD_TOO_LARGE, HEAD_MESSAGE)

    def _unsupported_upgrade_warning(self) -> None:
        """Asked for on every such request, it would fill the log with advice to install something."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._head_bytes is None:
            self._head_bytes = 0
        self._expect_end()

    def on_headers_complete(self) -> None:
        self._head_bytes = None
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._end_has_come()
        super().on_message_complete()
        self._expect_answer()

    def on_response_complete(self) -> None:
        self._answer_has_gone()
        super().on_response_complete()
        self._expect_answer()  # to a request that came before this one was answered

    def send_400_response(self, msg: str) -> None:
        """What uvicorn says, in our envelope. `msg` may be anything: it is not repeated."""
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
        self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, ErrorCode.UNAVAILABLE, "支付服务未在时限内答复, 请稍后重试")

    def _is_too_slow(self) -> None:
        self._arriving = None
        if self.transport.is_closing():
            return
        logger.warning("request_too_slow", client=self.client[0] if self.client else "")
        seconds = f"{self.request_timeout_s:g}"
        self._refuse(HTTPStatus.REQUEST_TIMEOUT, TOO_SLOW, f"请求未在{seconds}秒内发送完")

    def _refuse(self, status: HTTPStatus, code: str, message: str) -> None:
        """Answer, where the caller could read it as one, and close. Who works on the request sees its caller gone."""
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
        """Whether no answer to the request that is arriving, or to one before it, has begun or is being made."""
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
