"""Answers in GBK, with a byte order mark, or in a charset that is none, over real sockets."""

from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from domain.errors import Unknown
from gateways.http import HttpCaller
from tests.support.parties.raw_server import raw_server

TEXT = '{"CODE": -1, "MSG": "处方不存在", "DATA": {"NAME": "买买提·艾力"}}'


@pytest.fixture
async def http() -> AsyncIterator[HttpCaller]:
    async with HttpCaller() as caller:
        yield caller


def reply(body: bytes, content_type: str, status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nContent-Type: {content_type}\r\n\r\n"
    return head.encode("utf-8") + body


class TestDecoded:
    @pytest.mark.parametrize(
        ("content_type", "encoding"),
        [
            ("application/json; charset=GBK", "gbk"),
            ("application/json;charset=gb2312", "gb2312"),
            ('text/html; charset="GB18030"', "gb18030"),
            ("text/plain; charset=cp936", "gbk"),
            ("application/json", "utf-8"),
            ("application/json", "utf-8-sig"),
            ("application/json; charset=UTF-8", "utf-8-sig"),
            ("text/plain;charset=ISO-8859-1", "utf-8"),
            ("application/json; charset=no-such", "utf-8"),
            ("application/json; charset=rot13", "utf-8"),
            ("application/json; charset=../../etc", "utf-8"),
            ("application/json; charset=", "utf-8"),
            (f"application/json; charset={'x' * 3000}", "utf-8"),
            ("application/json; charset=密", "utf-8"),
            ("nonsense;;=;charset", "utf-8"),
        ],
    )
    async def test_is_what_was_written(self, http: HttpCaller, content_type: str, encoding: str) -> None:
        text = TEXT.replace("·", "") if encoding == "gb2312" else TEXT
        async with raw_server(reply(text.encode(encoding), content_type)) as peer:
            answer = await http.post_json("register", peer.url, {}, 5)
        assert answer.json["MSG"] == "处方不存在"
        assert answer.json["DATA"]["NAME"] == "买买提·艾力".replace("·", "" if encoding == "gb2312" else "·")

    async def test_a_refusal_in_gbk_is_read_too(self, http: HttpCaller) -> None:
        body = TEXT.encode("gbk")
        async with raw_server(reply(body, "application/json;charset=GBK", "400 Bad Request")) as peer:
            answer = await http.post_json("register", peer.url, {}, 5)
        assert (answer.ok, answer.json["MSG"]) == (False, "处方不存在")


class TestNotDecoded:
    @pytest.mark.parametrize(
        ("body", "content_type", "field", "looks_like"),
        [
            (TEXT.encode("gbk"), "application/json", "MSG", "GBK"),
            (TEXT.encode("gbk"), "application/json; charset=utf-8", "MSG", "GBK"),
            (TEXT.encode("gbk"), "application/json; charset=zip", "MSG", "GBK"),
            (TEXT.encode("utf-8")[:-3] + b'\xff\xff"}}', "application/json", "NAME", "unknown"),
            (TEXT.encode("utf-8")[:-3] + b'\xff\xff"}}', "application/json; charset=gbk", "NAME", "unknown"),
            (b"\xff\xff{}", "application/json", "", "unknown"),
            (b"\xff\xff{}", "application/json; charset=gbk", "", "unknown"),
        ],
    )
    async def test_is_unknown_but_answered_and_logged_with_its_field(
        self, http: HttpCaller, body: bytes, content_type: str, field: str, looks_like: str
    ) -> None:
        async with raw_server(reply(body, content_type)) as peer:
            with capture_logs() as logs, pytest.raises(Unknown) as caught:
                await http.post_json("register", peer.url, {}, 5)
        [line] = [log for log in logs if log["event"] == "answer_not_utf8"]
        assert (line["field"], line["looks_like"], line["transaction"]) == (field, looks_like, "register")
        assert peer.url.endswith(line["host"])
        assert caught.value.answered
        assert ("疑为GBK" in caught.value.message) == (looks_like == "GBK")
        assert field in caught.value.message
