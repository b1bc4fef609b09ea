"""Requests that never end, or whose head is too large, sent byte by byte."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from api.web.server import FRAMING_BYTES_MAX
from storage.payments import PaymentRepository
from tests.support.stack.api_server import KEY, PRE_SETTLE, ApiServer, free_port, serving_api, settings_for
from tests.support.waiting import WAIT_S_MAX, eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

TIMEOUT_S = 3
HEAD = f"POST {PRE_SETTLE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/json\r\n"
LIVE = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(prepared_folder: Path) -> AsyncIterator[ApiServer]:
    settings = settings_for(prepared_folder, f"127.0.0.1:{free_port()}", request_timeout_s=TIMEOUT_S)
    async with serving_api(settings) as server:
        yield server


class Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def rest(self) -> bytes:
        """Everything until the server closes, which it must do."""
        async with asyncio.timeout(WAIT_S_MAX):
            return await self._reader.read()

    async def is_cut(self) -> bool:
        try:
            await self.send(b"\r\n")
        except OSError:
            return True
        return False

    async def one_answer(self) -> bytes:
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        return head + await self._reader.readexactly(length)


@pytest_asyncio.fixture(loop_scope="module")
async def connection(api: ApiServer) -> AsyncIterator[Connection]:
    where = urlsplit(api.url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    yield Connection(reader, writer)
    writer.close()


def assert_refused(answer: bytes, status: int, code: str) -> None:
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:])
    assert lines[0].split()[1] == str(status)
    assert headers["x-error-code"] == code
    assert headers["x-request-id"]
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert "server" not in headers
    told = json.loads(body)
    assert (list(told), told["CODE"]) == (["CODE", "MSG"], -1)


class TestTooSlow:
    async def test_is_a_connection_on_which_nothing_comes(self, connection: Connection) -> None:
        assert_refused(await connection.rest(), 408, "REQUEST_TIMEOUT")

    async def test_is_a_head_without_an_end(self, connection: Connection) -> None:
        await connection.send(HEAD.encode())
        assert_refused(await connection.rest(), 408, "REQUEST_TIMEOUT")

    async def test_is_a_body_without_an_end(self, connection: Connection) -> None:
        await connection.send(f"{HEAD}Content-Length: 100\r\n\r\n{{".encode())
        assert_refused(await connection.rest(), 408, "REQUEST_TIMEOUT")

    async def test_is_a_body_that_drips(self, connection: Connection) -> None:
        """Each byte is in time; the whole is not."""
        await connection.send(f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode())

        refused = asyncio.Event()

        async def drip() -> None:
            while not refused.is_set():
                await connection.send(b"1\r\n \r\n")
                with suppress(TimeoutError):
                    await asyncio.wait_for(refused.wait(), TIMEOUT_S / 10)

        dripping = asyncio.create_task(drip())
        assert_refused(await connection.rest(), 408, "REQUEST_TIMEOUT")
        refused.set()
        await asyncio.gather(dripping, return_exceptions=True)

    async def test_is_a_body_whose_answer_is_there_already(self, connection: Connection) -> None:
        await connection.send(f"{HEAD.replace(KEY, 'wrong')}Content-Length: 100\r\n\r\n{{".encode())
        assert (await connection.one_answer()).startswith(b"HTTP/1.1 401 ")
        assert await connection.rest() == b""

    async def test_is_the_next_request_of_a_connection(self, connection: Connection) -> None:
        await connection.send(LIVE)
        assert (await connection.one_answer()).startswith(b"HTTP/1.1 200 ")
        await connection.send(LIVE[:20])
        assert_refused(await connection.rest(), 408, "REQUEST_TIMEOUT")

    async def test_are_line_ends_between_two_requests(self, connection: Connection) -> None:
        await connection.send(LIVE)
        await connection.one_answer()
        await connection.send(b"\r\n")
        assert_refused(await connection.rest(), 408, "REQUEST_TIMEOUT")


async def test_a_connection_may_rest_between_two_requests(connection: Connection) -> None:
    await connection.send(LIVE)
    await connection.one_answer()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(connection.one_answer(), TIMEOUT_S * 1.5)
    await connection.send(LIVE)
    assert (await connection.one_answer()).startswith(b"HTTP/1.1 200 ")


class TestStuck:
    """The answer must be gone after sync_wait_s + 2 request_timeout_s."""

    async def test_is_a_call_that_waits_for_ever(self, connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
        async def for_ever(*_: object) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr(PaymentRepository, "page", for_ever)
        head = f"GET /api/v1/payments HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n\r\n"
        await connection.send(head.encode())
        answer = await connection.rest()
        assert_refused(answer, 503, "UNAVAILABLE")
        assert b"retry-after: 2" in answer

    async def test_is_a_caller_that_does_not_read(self, connection: Connection) -> None:
        """More than the sockets hold; the server closes although nobody reads on."""
        await connection.send(b"GET /docs/assets/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n" * 40)
        await eventually(connection.is_cut)
        assert await connection.is_cut()


class TestTooLarge:
    @pytest.mark.parametrize(
        "headers",
        ["X: y\r\n" * 101, f"X: {'y' * 33_000}\r\n", f"{'x' * 33_000}: y\r\n"],
        ids=["many", "a long value", "a long name"],
    )
    async def test_are_many_or_long_headers(self, connection: Connection, headers: str) -> None:
        await connection.send(f"GET /health/live HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode())
        assert_refused(await connection.one_answer(), 431, "HEAD_TOO_LARGE")

    async def test_is_a_long_address(self, connection: Connection) -> None:
        await connection.send(f"GET /health/live?{'q' * 33_000} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert_refused(await connection.one_answer(), 431, "HEAD_TOO_LARGE")

    @pytest.mark.parametrize("start", ["GET /", "GET / HTTP/1.1\r\nX: ", "GET / HTTP/1.1\r\n"])
    async def test_is_a_head_without_an_end(self, connection: Connection, start: str) -> None:
        filling = "x: y\r\n" * 11_000 if start.endswith("\r\n") else "x" * 66_000
        await connection.send((start + filling).encode())
        assert_refused(await connection.rest(), 431, "HEAD_TOO_LARGE")

    async def test_is_not_a_usual_head(self, connection: Connection) -> None:
        many = "".join(f"X-{number}: {'y' * 200}\r\n" for number in range(90))
        await connection.send(f"GET /health/live HTTP/1.1\r\nHost: x\r\n{many}\r\n".encode())
        assert (await connection.one_answer()).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("body", ["", " "])
async def test_a_length_of_thousands_of_digits_is_a_length(connection: Connection, body: str) -> None:
    await connection.send(f"{HEAD}Content-Length: {'0' * 5_000}{len(body)}\r\n\r\n{body}".encode())
    assert_refused(await connection.one_answer(), 422, "MALFORMED_JSON")


class TestWhatComesWithAChunkedBody:
    """Trailers and extensions of chunks: nobody asked for them, so they are dropped, and few may come."""

    CHUNKED = HEAD + "Transfer-Encoding: chunked\r\n\r\n"

    @pytest.mark.parametrize(
        ("framing", "unit"),
        [
            ("0\r\n", "X-Trailer: y\r\n"),
            ("0\r\nX: ", "y" * 100),
            ("0\r\n", f"{'x' * 100}: y\r\n"),
            ("1;", "extension"),
            ("2\r\n{}\r\n1; a=", "b" * 100),
        ],
    )
    async def test_is_cut_off_where_it_is_large(self, connection: Connection, framing: str, unit: str) -> None:
        """431, which is lost where more was under way than we read."""
        await connection.send((self.CHUNKED + framing).encode())
        sent = 0
        with suppress(ConnectionError):
            while sent < 100 * FRAMING_BYTES_MAX:
                await connection.send((unit * 100).encode())
                sent += len(unit) * 100
            assert_refused(await connection.rest(), 431, "HEAD_TOO_LARGE")
        await eventually(connection.is_cut)

    async def test_is_no_header(self, connection: Connection) -> None:
        """A proxy has checked the headers, not these: a key here is none."""
        late = f"0\r\nAuthorization: Bearer {KEY}\r\nX-Request-Id: late\r\n\r\n"
        keyless = self.CHUNKED.replace(f"Authorization: Bearer {KEY}\r\n", "")
        await connection.send((keyless + "2\r\n{}\r\n" + late).encode())
        answer = await connection.one_answer()
        assert_refused(answer, 401, "UNAUTHORIZED")
        assert b"late" not in answer

    async def test_does_not_count_the_body_nor_the_next_request(self, connection: Connection) -> None:
        in_small_chunks = "1\r\n \r\n" * (FRAMING_BYTES_MAX // 2)
        for _ in range(2):
            await connection.send((self.CHUNKED + in_small_chunks + "0\r\nX: y\r\n\r\n").encode())
            assert_refused(await connection.one_answer(), 422, "MALFORMED_JSON")
        await connection.send(LIVE * 20)
        for _ in range(20):
            assert (await connection.one_answer()).startswith(b"HTTP/1.1 200 ")


class TestNotHttp:
    @pytest.mark.parametrize(
        "sent",
        [
            b"\x16\x03\x01\x02\x00\x01\x00",
            b"GET / HTTP/9.9\r\n\r\n",
            b"GET /\x00 HTTP/1.1\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        ],
    )
    async def test_is_told_in_the_envelope(self, connection: Connection, sent: bytes) -> None:
        await connection.send(sent)
        assert_refused(await connection.rest(), 400, "BAD_REQUEST")
