"""What HttpCaller makes of every way in which a peer can behave, over real sockets."""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domain.errors import NotSent, Unknown
from gateways import http as gateways_http
from gateways.http import HttpCaller
from tests.support.parties.raw_server import HANG_UP, http_reply, raw_server
from tests.support.tls.authority import self_signed
from tests.support.waiting import until

TXN = "6202"
DONE = http_reply(b'{"code": 0}')


@pytest.fixture
async def http() -> AsyncIterator[HttpCaller]:
    async with HttpCaller() as caller:
        yield caller


def _named(reply: bytes) -> str:
    return reply[:60].decode(errors="replace").split("\r\n")[0] or "hang up"


async def unknown(http: HttpCaller, reply: bytes, timeout_s: float) -> Unknown:
    """What is made of `reply`. `timeout_s`: also how long an answer that is cut off is waited for."""
    async with raw_server(reply) as peer:
        with pytest.raises(Unknown) as caught:
            await http.post_json(TXN, peer.url, {}, timeout_s)
        assert len(peer.requests) == 1
    assert caught.value.transaction == TXN
    assert peer.url not in caught.value.message
    return caught.value


class TestAnswers:
    async def test_an_object_comes_back_with_its_status(self, http: HttpCaller) -> None:
        async with raw_server(DONE) as peer:
            reply = await http.post_json(TXN, peer.url + "/pay", {"名": "值"}, 5)
        assert (reply.status, reply.json, reply.ok) == (200, {"code": "0"}, True)
        head, _, body = peer.requests[0].partition(b"\r\n\r\n")
        assert head.startswith(b"POST /pay HTTP/1.1")
        assert json.loads(body) == {"名": "值"}

    async def test_bytes_are_sent_as_they_are(self, http: HttpCaller) -> None:
        async with raw_server(DONE) as peer:
            await http.post_json(TXN, peer.url, b'{"a":1}', 5)
        assert peer.requests[0].endswith(b'\r\n\r\n{"a":1}')

    async def test_a_number_stays_the_text_it_was(self, http: HttpCaller) -> None:
        async with raw_server(http_reply(b'{"amount": 128.50, "count": 3, "ms": 1.7E12}')) as peer:
            reply = await http.post_json(TXN, peer.url, {}, 5)
        assert reply.json == {"amount": "128.50", "count": "3", "ms": "1.7E12"}

    async def test_a_4xx_with_an_object_is_the_gateways_to_judge(self, http: HttpCaller) -> None:
        async with raw_server(http_reply(b'{"code": 9}', "400 Bad Request")) as peer:
            reply = await http.post_json(TXN, peer.url, {}, 5)
        assert (reply.status, reply.ok) == (400, False)

    async def test_the_connection_is_used_again(self, http: HttpCaller) -> None:
        async with raw_server(DONE, DONE, DONE) as peer:
            for _ in range(3):
                await http.post_json(TXN, peer.url, {}, 5)
        assert peer.connections == 1

    async def test_hundreds_of_calls_that_hang_keep_no_other_waiting_for_a_connection(self, http: HttpCaller) -> None:
        async with raw_server() as silent, raw_server(DONE) as peer:
            hanging = [asyncio.create_task(http.post_json(TXN, silent.url, {}, 60)) for _ in range(250)]
            await until(lambda: len(silent.requests) == len(hanging))
            assert (await http.post_json(TXN, peer.url, {}, 5)).ok
            for call in hanging:
                call.cancel()
            await asyncio.wait(hanging)

    async def test_no_proxy_is_taken_from_the_environment(
        self, http: HttpCaller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        async with raw_server(DONE) as peer:
            assert (await http.post_json(TXN, peer.url, {}, 5)).ok


class TestUnknown:
    @pytest.mark.parametrize(
        "reply",
        [
            http_reply(b'{"code": 0}', "500 Internal Server Error"),
            http_reply(b"", "501 Not Implemented"),
            http_reply(b'{"code": 0}', "302 Found", "Location: /elsewhere"),
            http_reply(b"<html>", "404 Not Found"),
            http_reply(b"<html>", "408 Request Timeout"),
            http_reply(b"<html>"),
            http_reply(b""),
            http_reply(b"[]"),
            http_reply(b'"text"'),
            http_reply(b'{"code": NaN}'),
            http_reply(b'{"code": 0'),
            http_reply(b'\xff\xfe{"code"'),
            http_reply(b"[" * 100_000),
            http_reply(b'{"a":' * 50_000),
        ],
        ids=_named,
    )
    async def test_an_answer_that_says_nothing(self, http: HttpCaller, reply: bytes) -> None:
        assert (await unknown(http, reply, 10)).answered

    @pytest.mark.parametrize(
        "reply",
        [
            http_reply(b'{"code": 1}', "502 Bad Gateway"),
            http_reply(b'{"code": 0}', "503 Service Unavailable"),
            http_reply(b"<html>", "504 Gateway Timeout"),
            b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{",
            b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 90\r\n\r\n{",
            b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n{"code": 0}\r\n',
            b"SSH-2.0-OpenSSH\r\n\r\n",
            HANG_UP,
        ],
        ids=_named,
    )
    async def test_no_whole_answer_of_the_other_side_itself(self, http: HttpCaller, reply: bytes) -> None:
        assert not (await unknown(http, reply, 1)).answered

    async def test_no_answer_in_time(self, http: HttpCaller) -> None:
        async with raw_server() as peer:
            with pytest.raises(Unknown, match="超时") as caught:
                await http.post_json(TXN, peer.url, {}, 0.2)
            assert len(peer.requests) == 1
        assert not caught.value.answered

    async def test_an_answer_without_end(self, http: HttpCaller, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(gateways_http, "ANSWER_BYTES_MAX", 1000)
        async with raw_server(http_reply(b'{"a": "' + b"x" * 2000 + b'"}')) as peer:
            with pytest.raises(Unknown, match="过大") as caught:
                await http.post_json(TXN, peer.url, {}, 5)
        assert not caught.value.answered

    async def test_a_pooled_connection_that_is_closed_under_us_is_never_tried_again(self, http: HttpCaller) -> None:
        async with raw_server(DONE, HANG_UP, DONE) as peer:
            await http.post_json(TXN, peer.url, {}, 5)
            with pytest.raises(Unknown, match="中断") as caught:
                await http.post_json(TXN, peer.url, {}, 5)
            assert not caught.value.answered
            assert (len(peer.requests), peer.connections) == (2, 1)


class TestNotSent:
    async def test_nobody_listens(self, http: HttpCaller) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        with pytest.raises(NotSent):
            await http.post_json(TXN, f"http://127.0.0.1:{port}", {}, 5)

    async def test_the_connection_does_not_come_about_in_time(self, http: HttpCaller) -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
            address = listener.getsockname()
            queue = [_knock(address) for _ in range(4)]
            try:
                with pytest.raises(NotSent):
                    await http.post_json(TXN, f"http://127.0.0.1:{address[1]}", {}, 0.4)
            finally:
                for waiting in queue:
                    waiting.close()

    @pytest.mark.parametrize("url", ["http://", "no address", "http://127.0.0.1:99999"])
    async def test_an_address_that_is_none(self, http: HttpCaller, url: str) -> None:
        with pytest.raises(NotSent):
            await http.post_json(TXN, url, {}, 5)

    async def test_a_certificate_that_nobody_vouches_for(self, http: HttpCaller, tmp_path: Path) -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self_signed(tmp_path))
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        try:
            with pytest.raises(NotSent):
                await http.post_json(TXN, f"https://127.0.0.1:{port}", {}, 5)
        finally:
            server.close()
            await server.wait_closed()


async def test_it_must_be_entered() -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await HttpCaller().post_json(TXN, "http://127.0.0.1:9", {}, 1)


def _knock(address: tuple[str, int]) -> socket.socket:
    """A connection that waits in the listener's queue."""
    waiting = socket.socket()
    waiting.setblocking(False)  # noqa: FBT003 - the socket's own argument
    waiting.connect_ex(address)
    return waiting
