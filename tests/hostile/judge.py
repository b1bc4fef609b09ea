"""What every answer must be, whatever was asked: no failure of ours, our envelope, nothing of our inside."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

UNAVAILABLE: Final = 503
NO_BODY: Final = frozenset({204, 304})
OUR_INSIDE: Final = (
    *(b"Traceback", b'File "', b".py", b"site-packages", b"sqlalchemy", b"asyncpg", b"uvicorn", b"starlette"),
    *(b"temporalio", b"pydantic", b"SELECT ", b"INSERT ", b"/root", b"/home/", b"Internal Server Error"),
)
"""What an answer can hold only where something of ours came to the light."""

PLAIN_PAGES: Final = ("text/plain; version=0.0.4", "text/html", "text/css", "text/javascript", "application/javascript")
PLAIN_PAGES_MORE: Final = ("image/", "application/json")
NOTICE_ANSWER: Final = {"success", "message"}


def complaints(status: int, headers: Mapping[str, str], body: bytes, *, is_head: bool = False) -> Iterator[str]:
    """What is wrong with the answer. `headers`: names in lower case."""
    if status >= 500 and status != UNAVAILABLE:
        yield f"status {status}"
    if "server" in headers or "x-powered-by" in headers:
        yield "tells what it runs on"
    if not headers.get("x-request-id"):
        yield "has no X-Request-Id"
    if is_head or status in NO_BODY:
        return
    yield from _of_the_body(status, headers, body)


def _of_the_body(status: int, headers: Mapping[str, str], body: bytes) -> Iterator[str]:
    told = b"\n".join([body, *(f"{name}: {value}".encode("latin-1", "replace") for name, value in headers.items())])
    kind = headers.get("content-type", "")
    is_ours = kind.startswith("application/json")
    if not is_ours and (status != 200 or not kind.startswith(PLAIN_PAGES + PLAIN_PAGES_MORE)):
        yield f"is no JSON but {kind!r}, status {status}"
    if not is_ours:
        return
    yield from (f"tells {inside!r}" for inside in OUR_INSIDE if inside in told)
    try:
        answer: Any = json.loads(body)
    except ValueError:
        yield "is no JSON, though it says so"
        return
    if not _is_envelope(status, headers, answer):
        yield f"is not in the envelope: {body[:200]!r}"


def _is_envelope(status: int, headers: Mapping[str, str], answer: Any) -> bool:  # noqa: ANN401 - any JSON
    if not isinstance(answer, dict):
        return False
    if "openapi" in answer or set(answer) == NOTICE_ANSWER:
        return True
    if answer.get("CODE") == 0:
        return set(answer) == {"CODE", "MSG", "DATA"} and status == 200
    return set(answer) == {"CODE", "MSG"} and answer["CODE"] == -1 and bool(headers.get("x-error-code"))
