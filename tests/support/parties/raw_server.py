"""A peer below HTTP: it reads requests and answers with exactly the bytes that a test gives it, or not at all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

HANG_UP = b""
BACKLOG = 1_024
"""More than a test connects at once: with asyncio's 100, a busy machine drops some, and a second goes by for each."""


class RawServer:
    """`replies`: one for each request, in order, over all connections; `HANG_UP` closes the connection instead."""

    def __init__(self, replies: list[bytes]) -> None:
        self.url = ""
        self.requests: list[bytes] = []
        self.connections = 0
        self._replies = replies
        self._writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        while head := await _head(reader):
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
            self.requests.append(head + await reader.readexactly(int(length.split(b":")[1])))
            if not self._replies:
                continue
            reply = self._replies.pop(0)
            if reply == HANG_UP:
                break
            writer.write(reply)
            await writer.drain()
        writer.close()

    def close(self) -> None:
        for writer in self._writers:
            writer.close()


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""


def http_reply(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """A whole HTTP/1.1 answer; the connection stays open."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: application/json", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


@asynccontextmanager
async def raw_server(*replies: bytes) -> AsyncIterator[RawServer]:
    """Without replies left it reads on and says nothing."""
    raw = RawServer(list(replies))
    server = await asyncio.start_server(raw.serve, "127.0.0.1", 0, backlog=BACKLOG)
    host, port = server.sockets[0].getsockname()[:2]
    raw.url = f"http://{host}:{port}"
    try:
        yield raw
    finally:
        server.close()
        raw.close()
        await server.wait_closed()
