"""HTTP to the other parties: one connection pool per process, JSON in and out, failures classified (product rule 4).

Nothing is retried here, not even on a pooled connection that the peer has just closed: it may have read the request
before it closed.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

import aiohttp
import structlog

from domain.errors import NotSent, Unknown
from domain.values.written import answered_text, looks_like_gbk
from gateways.exact_json import parse_object
from security.masking.id_numbers import hide_mobile_numbers
from security.masking.spellings import hide_spellings
from security.masking.text import mask_text
from security.tls import ClientTls

logger = structlog.get_logger(__name__)

ANSWER_BYTES_MAX = 8 * 1024 * 1024
CONNECT_S_MAX = 5.0

KEEPALIVE_S = 4.0
"""Shorter than servers keep idle connections (uvicorn and Node 5 s, Tomcat 20 s): a request sent while the server
closes is lost, which makes its outcome unknown."""

MESSAGE_CHARS_MAX = 120
_READ_CHARS_MAX = 65_536
"""Of a message: nobody reads more, and whoever sends us one must not decide how long we look through it."""

SUCCESSFUL = range(200, 300)
_HEADERS = {"Content-Type": "application/json; charset=utf-8", "Accept": "application/json"}
_REDIRECTING = range(300, 400)
_SERVER_ERROR = 500
_GATEWAYS_OWN = frozenset({502, 503, 504})
"""What a proxy answers while the system behind it may still be at work."""

FIELD_BYTES_BEFORE = 4096
"""How far before a byte that can't be read its field's name is looked for."""

_FIELD_NAME = re.compile(rb'"([A-Za-z0-9_]{1,64})"\s*:')
_HIDDEN = "***"
_ALNUM = "0-9A-Za-z０-９Ａ-Ｚａ-ｚ"
_GAP = r"[ \-‐-―－]?"
_LONG_NUMBER = re.compile(rf"(?<![{_ALNUM}])(?:\d{{6}}{_GAP}\d{{8}}{_GAP}\d{{3}}[\dXxＸｘ]|\d{{15,}})(?![{_ALNUM}])")
"""What stands alone like an identity number, right or wrong, or a 个人编号, whose digits have no shape of their own."""


@dataclass(frozen=True)
class JsonReply:
    """An answer below 500 whose body is a JSON object. Numbers are the text that they were written as, `Numeral`."""

    status: int
    json: dict[str, Any]

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx. What a 4xx with a JSON object means is for the caller to judge."""
        return self.status in SUCCESSFUL


class JsonPoster(Protocol):
    """What a gateway needs of HTTP: `HttpCaller`, or a `gateways.gate.Gate` in front of it."""

    async def post_json(
        self,
        transaction: str,
        url: str,
        body: bytes | dict[str, Any],
        timeout_s: float,
        tls: ClientTls | None = None,
    ) -> JsonReply:
        """See `HttpCaller.post_json`."""


class HttpCaller:
    """Use as `async with HttpCaller() as http`. Certificates are checked; proxies in the environment are ignored."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            # No limit here: calls to all parties would queue together, unseen. A `Gate` bounds those to each.
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=_HEADERS,
            trust_env=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def post_json(
        self,
        transaction: str,
        url: str,
        body: bytes | dict[str, Any],
        timeout_s: float,
        tls: ClientTls | None = None,
    ) -> JsonReply:
        """POST `body` and read the answer, a JSON object, all within `timeout_s`.

        `tls`: None for the machine's own list of authorities and no client certificate.

        Raises `NotSent` if no connection was made (name, refusal, certificate, connect timeout).
        Raises `Unknown` if it was, but no answer came in time, the connection closed, or the answer is a 3xx, a 5xx,
        too large or not a JSON object. That includes a 4xx without a JSON object: a proxy may have sent it before or
        after the other side acted. `Unknown.answered` if the answer came to its end and is no 502, 503 or 504.
        """
        status, charset, content = await self._post(transaction, url, body, timeout_s, tls)
        if status >= _SERVER_ERROR or status in _REDIRECTING:
            raise Unknown(transaction, f"对方系统答复异常(HTTP {status}), 结果未知", answered=is_over(status))
        text = _text(transaction, url, content, charset)
        try:
            answer = parse_object(text)
        except (ValueError, RecursionError):
            raise Unknown(transaction, f"对方系统答复无法识别(HTTP {status}), 结果未知", answered=True) from None
        return JsonReply(status, answer)

    async def post_for_status(
        self, transaction: str, url: str, body: bytes, headers: Mapping[str, str], timeout_s: float
    ) -> int:
        """POST `body`; the status of the answer, whatever it is. The answer's body is not read.

        Raises `NotSent` and `Unknown` as `post_json`.
        """
        with _classified(transaction):
            async with self._request(url, body, timeout_s, headers) as response:
                return response.status

    async def _post(
        self, transaction: str, url: str, body: bytes | dict[str, Any], timeout_s: float, tls: ClientTls | None
    ) -> tuple[int, str | None, bytes]:
        """The answer's status, the charset that its Content-Type names, and its body."""
        data = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        with _classified(transaction):
            async with self._request(url, data, timeout_s, tls=tls) as response:
                return response.status, response.charset, await _bounded(transaction, response)

    def _request(
        self,
        url: str,
        data: bytes,
        timeout_s: float,
        headers: Mapping[str, str] | None = None,
        tls: ClientTls | None = None,
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        if self._session is None:
            raise RuntimeError("HttpCaller is used outside of its `async with`")
        # Connecting gets at most half: if the total ran out first, we could not tell whether a byte had been sent.
        timeout = aiohttp.ClientTimeout(total=timeout_s, connect=min(CONNECT_S_MAX, timeout_s / 2))
        return self._session.post(
            url,
            data=data,
            timeout=timeout,
            headers=headers,
            allow_redirects=False,
            ssl=tls.context if tls else True,
            server_hostname=tls.server_name if tls else None,
        )


@contextmanager
def _classified(transaction: str) -> Iterator[None]:
    """Turns the client library's errors into `NotSent` or `Unknown`."""
    try:
        yield
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
        raise NotSent(transaction, "无法连接对方系统, 请求未发出") from error
    except TimeoutError as error:
        raise Unknown(transaction, "对方系统超时未答复, 结果未知") from error
    except (aiohttp.ClientError, OSError) as error:
        raise Unknown(transaction, "与对方系统的连接中断, 结果未知") from error


def is_over(status: int) -> bool:
    """Whether an answer with this status says that its request is no longer at work anywhere (product rule 4)."""
    return status not in _GATEWAYS_OWN


async def _bounded(transaction: str, response: aiohttp.ClientResponse) -> bytes:
    """The whole body. One that is too large is broken off, so nobody knows how it would have ended: not answered."""
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > ANSWER_BYTES_MAX:
            raise Unknown(transaction, "对方系统答复过大, 结果未知")
    return bytes(content)


def _text(transaction: str, url: str, content: bytes, charset: str | None) -> str:
    """The answer's text. Raises `Unknown` if it is in no encoding that it says or may have, and logs what it may be."""
    try:
        return answered_text(content, charset)
    except UnicodeDecodeError as error:
        looks_like = "GBK" if looks_like_gbk(content) else "unknown"
        field = _field_at(content, error.start)
        logger.warning(
            "answer_not_utf8",
            transaction=transaction,
            host=urlsplit(url).netloc.rpartition("@")[2],
            field=field,
            charset=shown(charset or ""),
            looks_like=looks_like,
        )
        likeness = ", 疑为GBK" if looks_like == "GBK" else ""
        raise Unknown(
            transaction, f"对方系统答复的{field or '内容'}不是UTF-8编码{likeness}, 结果未知", answered=True
        ) from None


def _field_at(content: bytes, position: int) -> str:
    """The JSON field whose value the byte at `position` is in; empty if that can't be told."""
    names = _FIELD_NAME.findall(content, max(0, position - FIELD_BYTES_BEFORE), position)
    return names[-1].decode() if names else ""


def shown(text: str, secrets: Iterable[str] = ()) -> str:
    """Another party's `text`, fit to be shown: one line, no control characters, at most `MESSAGE_CHARS_MAX` long.

    Masked are `secrets` in any spelling, whatever looks like an identity, mobile or personal number, and all that our
    own views mask.
    """
    text = hide_spellings(text[:_READ_CHARS_MAX], dict.fromkeys(secrets, _HIDDEN))
    plain = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in text)
    words = _LONG_NUMBER.sub(_HIDDEN, " ".join(plain.split()))
    return mask_text(hide_mobile_numbers(words, lambda _: _HIDDEN))[:MESSAGE_CHARS_MAX]
