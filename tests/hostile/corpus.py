"""Hostile requests that are HTTP all the same: bodies, paths, queries and headers that nobody should send."""

import gzip
import json
import random
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

from tests.hostile.odd_things import CHARSETS, HEADERS, JSON_LITERALS, METHODS, PATHS, QUERIES, STRINGS, TYPES
from tests.hostile.wire import Attack
from tests.support.stack.api_server import KEY, NOTICE, PRE_SETTLE, SETTLE, bill, writing_back

Body = tuple[str, bytes, str]
"""Its kind, its bytes, its media type."""

JSON: Final = "application/json"
SENT_AT_ONCE_BYTES: Final = 65_536
FORM: Final = "application/x-www-form-urlencoded"
ACTIONS: Final = (
    *(PRE_SETTLE, SETTLE, NOTICE, "/api/v1/payments/M1/cancel", "/api/v1/payments/M1/refunds"),
    *("/api/v1/payments/M1/recheck", "/api/v1/reviews/M1/proposals", "/api/v1/reviews/M1/approvals"),
)
VIEWS: Final = ("/api/v1/payments", "/api/v1/reviews", "/api/v1/payments/M1", "/api/v1/reviews/M1", "/metrics", "/docs")


def hostile_request(dice: random.Random) -> Attack:
    """A complete request, one thing of it hostile."""
    return dice.choice(_KINDS)(dice)


def request(  # noqa: PLR0917 - a request's parts
    name: str,
    method: str,
    target: str,
    body: bytes = b"",
    kind: str = JSON,
    header: str = f"Authorization: Bearer {KEY}",
) -> Attack:
    """As bytes: no client library would let it pass."""
    lines = [f"{method} {target} HTTP/1.1", "host: 127.0.0.1", "connection: close", header]
    if body or method in {"POST", "PUT", "PATCH"}:
        lines += [f"content-type: {kind}", f"content-length: {len(body)}"]
    head = "\r\n".join(line for line in lines if line)
    charset = "latin-1" if "\xff" in head else "utf-8"
    # A refusal of a large body may be lost: who is refused is still sending when the connection closes.
    return Attack(name, head.encode(charset) + b"\r\n\r\n" + body, whole=len(body) <= SENT_AT_ONCE_BYTES)


def _with_body(dice: random.Random) -> Attack:
    name, body, kind = dice.choice(_BODIES)(dice)
    return request(f"body: {name}", "POST", dice.choice(ACTIONS[:3] * 3 + ACTIONS[3:]), body, kind)


def _with_path(dice: random.Random) -> Attack:
    return request("path", dice.choice(("GET", "GET", "POST", "HEAD")), dice.choice(PATHS), kind=JSON)


def _with_query(dice: random.Random) -> Attack:
    target = f"{dice.choice(VIEWS)}?{'&'.join(dice.sample(QUERIES, dice.randint(1, 3)))}"
    return request("query", "GET", target)


def _with_header(dice: random.Random) -> Attack:
    extra = dice.choice(HEADERS)
    header = extra if extra.startswith("Authorization") else f"Authorization: Bearer {KEY}\r\n{extra}"
    if dice.random() < 0.5:
        return request("header", "GET", dice.choice(VIEWS), header=header)
    return request("header", "POST", dice.choice(ACTIONS), json.dumps(bill()).encode(), header=header)


def _with_type(dice: random.Random) -> Attack:
    body = json.dumps(bill(medOrgOrd="")).encode()
    return request("media type", "POST", dice.choice(ACTIONS), body, dice.choice(TYPES))


def _with_method(dice: random.Random) -> Attack:
    return request("method", dice.choice(METHODS), dice.choice(ACTIONS + VIEWS))


def _odd_field(dice: random.Random) -> Body:
    fields = dice.choice((bill, writing_back))()
    fields[dice.choice(list(fields))] = dice.choice(STRINGS)
    return "odd field", json.dumps(fields).encode(), JSON


def _odd_literal(dice: random.Random) -> Body:
    fields = dice.choice((bill, writing_back))(medOrgOrd="M-hostile")
    name = dice.choice(list(fields))
    pairs = [
        f'"{key}":{dice.choice(JSON_LITERALS) if key == name else json.dumps(item)}' for key, item in fields.items()
    ]
    return "odd literal", ("{" + ",".join(pairs) + "}").encode(), JSON


def _deep(dice: random.Random) -> Body:
    depth = dice.choice((50, 900, 5_000, 100_000))
    opened, closed = dice.choice(((b'{"a":', b"}"), (b"[", b"]"), (b'{"P_JSON":', b"}")))
    return "deep", opened * depth + b"1" + closed * dice.choice((depth, 0)), JSON


def _huge(dice: random.Random) -> Body:
    size = dice.choice((60_000, 1_000_000, 1_048_577, 1_500_000))
    return "huge", json.dumps(bill(payAuthNo="A" * size)).encode(), JSON


def _in_another_charset(dice: random.Random) -> Body:
    text = json.dumps(bill(PATIENT_NAME="张三é" if dice.random() < 0.5 else "张三"), ensure_ascii=False)
    return "charset", text.encode(dice.choice(CHARSETS), "replace"), dice.choice((JSON, f"{JSON}; charset=utf-8"))


def _raw_bytes(dice: random.Random) -> Body:
    spoilt = bytearray(json.dumps(bill(), ensure_ascii=dice.random() < 0.5).encode())
    for _ in range(dice.randint(1, 5)):
        at = dice.randrange(len(spoilt))
        spoilt[at : at + dice.randint(0, 2)] = dice.choice(
            (b"\x00", b"\xff", b"\xed\xa0\x80", b"\\", b'"', b"{", b"", b"\x1f")
        )
    return "spoilt bytes", bytes(spoilt), dice.choice((JSON, FORM))


def _duplicate_keys(dice: random.Random) -> Body:
    name = dice.choice(("TOTAL", "medOrgOrd", " TOTAL", "P_JSON", "__proto__"))
    return "duplicate keys", (json.dumps(bill())[:-1] + f', "{name}": "1", "{name}": "2"}}').encode(), JSON


def _wrapped(dice: random.Random) -> Body:
    text = json.dumps(bill())
    for _ in range(dice.randint(1, 6)):
        text = json.dumps({"P_JSON": text})
    return "wrapped", text.encode(), JSON


def _form(dice: random.Random) -> Body:
    text = quote(json.dumps(bill(medOrgOrd="")))
    form = dice.choice(
        (
            "&".join(f"k{n}=v" for n in range(100_000)),
            "a=b&" * 50_000,
            f"P_JSON={text}&P_JSON={text}",
            "P_JSON=" + "%" * 3000,
            "P_JSON=%ff%fe",
            "P_JSON=%ED%A0%80",
            "P_JSON",
            "=" * 1000,
            "P_JSON=" + text.replace("%", "%25"),
            "&" * 100_000,
            f"P_JSON[0]={text}",
            f" P_JSON ={text}",
            f"P_JSON={text};x=y",
            "P_JSON=" + "+" * 100_000,
        )
    )
    return "form", form.encode(), FORM


def _compressed(dice: random.Random) -> Body:
    bomb = gzip.compress(b" " * 5_000_000) if dice.random() < 0.2 else gzip.compress(json.dumps(bill()).encode())
    return "compressed", bomb, JSON


def _notice(dice: random.Random) -> Body:
    fields: dict[str, object] = {
        "appId": "A" * 32,
        "timestamp": "20260105090000",
        "encData": "00" * 16,
        "signData": "QUJD",
        "data": {},
    }
    odd: tuple[object, ...] = (*STRINGS, None, True, 1, [1], {"a": [1]}, "0" * 500_000)
    fields[dice.choice(list(fields))] = dice.choice(odd)
    return "notice", json.dumps(fields).encode(), JSON


def _noise(dice: random.Random) -> Body:
    return "noise", dice.randbytes(dice.choice((0, 1, 100, 10_000))), dice.choice((JSON, FORM))


_BODIES: Final[tuple[Callable[[random.Random], Body], ...]] = (
    *(_odd_field, _odd_field, _odd_literal, _odd_literal, _raw_bytes, _raw_bytes, _in_another_charset),
    *(_deep, _huge, _duplicate_keys, _wrapped, _form, _compressed, _notice, _notice, _noise),
)
_KINDS: Final[tuple[Callable[[random.Random], Attack], ...]] = (
    *(_with_body, _with_body, _with_body, _with_path, _with_path, _with_query, _with_header, _with_header),
    *(_with_type, _with_method),
)
