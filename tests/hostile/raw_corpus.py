"""What is hardly HTTP any more: requests that two servers would read differently, pieces, and other protocols."""

import json
import random
from typing import Final

from tests.hostile.wire import Attack
from tests.support.stack.api_server import KEY, PRE_SETTLE, bill

_BODY: Final = json.dumps(bill(medOrgOrd="")).encode()
_HOST: Final = b"Host: 127.0.0.1\r\nAuthorization: Bearer " + KEY.encode() + b"\r\nContent-Type: application/json\r\n"
_POST: Final = b"POST " + PRE_SETTLE.encode() + b" HTTP/1.1\r\n" + _HOST
_GET: Final = b"GET /health/live HTTP/1.1\r\nHost: a\r\n"
_SMUGGLED: Final = b"GET /metrics HTTP/1.1\r\nHost: a\r\nX: "


def _sized(size: int | bytes) -> bytes:
    return b"Content-Length: " + (size if isinstance(size, bytes) else str(size).encode()) + b"\r\n"


_CHUNKED: Final = b"Transfer-Encoding: chunked\r\n"
_CHUNK: Final = f"{len(_BODY):x}\r\n".encode() + _BODY + b"\r\n0\r\n\r\n"
RAW: Final = {
    "cl.te": _POST + _sized(6) + _CHUNKED + b"\r\n0\r\n\r\nG",
    "te.cl": _POST + _sized(4) + _CHUNKED + b"\r\n5c\r\n" + _SMUGGLED + b"\r\n0\r\n\r\n",
    "te.te": _POST + _CHUNKED + b"Transfer-Encoding: identity\r\n\r\n" + _CHUNK,
    "te with a tab": _POST + b"Transfer-Encoding:\tchunked\r\n\r\n" + _CHUNK,
    "te x": _POST + b"Transfer-Encoding: xchunked\r\n\r\n" + _CHUNK,
    "te twice": _POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n" + _CHUNK,
    "te with a space before the colon": _POST + b"Transfer-Encoding : chunked\r\n\r\n" + _CHUNK,
    "te folded": _POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n" + _CHUNK,
    "two lengths": _POST + _sized(len(_BODY)) + _sized(0) + b"\r\n" + _BODY,
    "equal lengths": _POST + _sized(len(_BODY)) + _sized(len(_BODY)) + b"\r\n" + _BODY,
    "length list": _POST + _sized(b"5, 5") + b"\r\n" + _BODY,
    "negative length": _POST + _sized(-1) + b"\r\n" + _BODY,
    "signed length": _POST + _sized(b"+5") + b"\r\n" + _BODY,
    "hex length": _POST + _sized(b"0x10") + b"\r\n" + _BODY,
    "unicode length": _POST + _sized("١".encode()) + b"\r\n" + _BODY,
    "overflowing length": _POST + _sized(10**30) + b"\r\n" + _BODY,
    "huge length": _POST + _sized(2**62) + b"\r\n" + _BODY,
    "length too long": _POST + _sized(len(_BODY) + 10) + b"\r\n" + _BODY,
    "length too short": _POST + _sized(5) + b"\r\n" + _BODY,
    "chunk size overflows": _POST + _CHUNKED + b"\r\n" + b"f" * 40 + b"\r\n" + _BODY,
    "chunk size negative": _POST + _CHUNKED + b"\r\n-1\r\n" + _BODY,
    "chunk size no number": _POST + _CHUNKED + b"\r\nzz\r\n" + _BODY,
    "chunk without an end": _POST + _CHUNKED + b"\r\n5\r\nabc",
    "chunk extension": _POST + _CHUNKED + b"\r\n1;" + b"a" * 20_000 + b"\r\n{\r\n0\r\n\r\n",
    "many chunks": _POST + _CHUNKED + b"\r\n" + b"1\r\n \r\n" * 20_000 + b"0\r\n\r\n",
    "too many chunks": _POST
    + _CHUNKED
    + b"\r\n"
    + b"10000\r\n"
    + b" " * 65_536
    + b"\r\n"
    + b"f000\r\n"
    + b" " * 61_440,
    "trailers": _POST + _CHUNKED + b"\r\n0\r\nX-Request-Id: late\r\n\r\n",
    "line feeds only": _GET.replace(b"\r\n", b"\n") + b"\n",
    "carriage returns only": _GET.replace(b"\r\n", b"\r") + b"\r",
    "a NUL in a header": _GET + b"X: a\x00b\r\n\r\n",
    "a NUL in a name": _GET + b"X\x00: b\r\n\r\n",
    "a NUL in the path": b"GET /health/\x00live HTTP/1.1\r\nHost: a\r\n\r\n",
    "control characters in the path": b"GET /\x01\x02\x7f HTTP/1.1\r\nHost: a\r\n\r\n",
    "raw utf-8 in the path": "GET /api/v1/payments/张三 HTTP/1.1\r\nHost: a\r\n\r\n".encode(),
    "a space in the path": b"GET /health /live HTTP/1.1\r\nHost: a\r\n\r\n",
    "an empty name": _GET + b": b\r\n\r\n",
    "no colon": _GET + b"no colon here\r\n\r\n",
    "folded header": _GET + b"X: a\r\n b\r\n\r\n",
    "no host": b"GET /health/live HTTP/1.1\r\n\r\n",
    "two hosts": _GET + b"Host: b\r\n\r\n",
    "http/0.9": b"GET /health/live\r\n\r\n",
    "http/1.0": b"GET /health/live HTTP/1.0\r\n\r\n",
    "http/2.0": b"GET /health/live HTTP/2.0\r\nHost: a\r\n\r\n",
    "http/9.9": b"GET /health/live HTTP/9.9\r\nHost: a\r\n\r\n",
    "http/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
    "tls": bytes.fromhex("16030100c8010000c40303") + bytes(200),
    "ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
    "redis": b"*1\r\n$4\r\nPING\r\n",
    "connect": b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n\r\n",
    "lower method": b"get /health/live HTTP/1.1\r\nHost: a\r\n\r\n",
    "unknown method": b"GRAB /health/live HTTP/1.1\r\nHost: a\r\n\r\n",
    "long method": b"G" * 9000 + b" / HTTP/1.1\r\nHost: a\r\n\r\n",
    "long line": b"GET /" + b"a" * 60_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "long header": _GET + b"X: " + b"a" * 60_000 + b"\r\n\r\n",
    "many headers": _GET + b"X: a\r\n" * 5_000 + b"\r\n",
    "pipelined": (_GET + b"\r\n") * 20,
    "pipelined with nonsense": _GET + b"\r\n" + b"nonsense\r\n\r\n" + _GET + b"\r\n",
    "a body on get": _GET + _sized(5) + b"\r\nhello",
    "expect, then nothing": _POST + _sized(10) + b"Expect: 100-continue\r\n\r\n",
    "upgrade and more": _GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + bytes(100),
    "half a head": b"POST " + PRE_SETTLE.encode() + b" HTTP/1.1\r\nHost: a\r\nContent-",
    "half a line": b"GE",
    "nothing": b"",
    "empty lines": b"\r\n" * 500,
    "noise": bytes(range(256)) * 4,
}


def raw_attack(dice: random.Random) -> Attack:
    """One of them as it is, or with a byte changed, doubled or lost."""
    name = dice.choice(list(RAW))
    data = RAW[name]
    if data and dice.random() < 0.5:
        at = dice.randrange(min(len(data), 400))
        data = (
            data[:at]
            + dice.choice((b"", b"\x00", b"\r", b"\n", b" ", b":", b"\xff", data[at : at + 9] * 2))
            + data[at + 1 :]
        )
    return Attack(f"raw: {name}", data, whole=False)
