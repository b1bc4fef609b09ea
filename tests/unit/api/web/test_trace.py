"""The last net: an unforeseen failure is answered in the envelope, and its text goes nowhere."""

from typing import Any

import pytest
import structlog
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from api.web.trace import HttpMetrics, RequestTracing

SECRET = "110101199003070134 could not be booked"


async def passed_through(failure: Exception, *, after_start: bool = False) -> tuple[list[Message], list[Any]]:
    """What a caller receives, and what is logged, when the application fails with `failure`."""

    async def failing(_: Scope, __: Receive, send: Send) -> None:
        if after_start:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        raise failure

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "BREW", "path": "/", "headers": []}
    with structlog.testing.capture_logs() as logs:
        await RequestTracing(failing, HttpMetrics(lambda: 0))(scope, receive, send)
    return sent, logs


async def test_is_a_500_in_the_envelope_without_its_text() -> None:
    sent, logs = await passed_through(ValueError(SECRET))
    headers = dict(sent[0]["headers"])
    assert sent[0]["status"] == 500
    assert headers[b"x-error-code"] == b"INTERNAL"
    assert headers[b"x-request-id"]
    body = sent[1]["body"].decode()
    assert body.startswith('{"CODE":-1,"MSG":"')
    assert SECRET not in body + repr(logs)
    unforeseen = next(line for line in logs if line["event"] == "unforeseen")
    assert unforeseen["error"] == "ValueError"
    assert unforeseen["where"][-1].endswith(" failing")


async def test_after_the_answer_has_begun_is_only_logged() -> None:
    sent, logs = await passed_through(ValueError(SECRET), after_start=True)
    assert [message["type"] for message in sent] == ["http.response.start"]
    assert [line["event"] for line in logs] == ["unforeseen", "request"]


@pytest.mark.parametrize("failure", [ClientDisconnect()])
async def test_a_caller_who_left_is_answered_nothing(failure: Exception) -> None:
    sent, logs = await passed_through(failure)
    assert sent == []
    assert [(line["event"], line["status"]) for line in logs] == [("request", 499)]
