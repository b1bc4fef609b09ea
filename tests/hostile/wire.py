"""Bytes out, answers in: a client that sends what no client library would, and says what came back."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

ANSWER_S_MAX = 60.0
"""A hang: the longest that any answer may take. The API itself waits a second where the outcome is open."""

WAITS_S = 0.3
"""How long an incomplete request is left to the server, which rightly waits for the rest of it."""

ANSWER_BYTES_MAX = 16 * 1024 * 1024


@dataclass(frozen=True)
class Attack:
    """`name`: its kind. `whole`: a complete request, which must be answered; else the server may wait, or hang up."""

    name: str
    data: bytes
    whole: bool = True


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes


class NoReply(Exception):
    """Nothing, or only a part of an answer, came in time."""


async def send(host: str, port: int, attack: Attack) -> list[Reply]:
    """Send it on a connection of its own. Raises `NoReply`, and ValueError for an answer that is no HTTP."""
    reader, writer = await asyncio.open_connection(host, port, limit=1024 * 1024)
    try:
        with contextlib.suppress(ConnectionError):  # it may answer and hang up before it has read all
            writer.write(attack.data)
            await asyncio.wait_for(writer.drain(), ANSWER_S_MAX)
        return await _replies(reader, attack)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError, TimeoutError):
            await asyncio.wait_for(writer.wait_closed(), 1)


async def _replies(reader: asyncio.StreamReader, attack: Attack) -> list[Reply]:
    """Up to the end of the connection, or until nothing more comes."""
    replies: list[Reply] = []
    while True:
        wait_s = ANSWER_S_MAX if attack.whole and not replies else WAITS_S
        try:
            reply = await asyncio.wait_for(_reply(reader, attack.data.startswith(b"HEAD ")), wait_s)
        except TimeoutError:
            if attack.whole and not replies:
                raise NoReply(f"{attack.name}: no answer in {ANSWER_S_MAX:g} s") from None
            return replies
        except (ConnectionError, asyncio.IncompleteReadError):
            return replies
        if reply is None:
            return replies
        replies.append(reply)
        if reply.headers.get("connection") == "close" or (attack.whole and b"connection: close" in attack.data):
            return replies


async def _reply(reader: asyncio.StreamReader, is_head: bool) -> Reply | None:  # noqa: FBT001 - of one caller
    line = await reader.readline()
    if not line:
        return None
    protocol, _, rest = line.decode("latin-1").strip().partition(" ")
    if protocol != "HTTP/1.1":
        raise ValueError(f"no HTTP: {line[:80]!r}")
    status = int(rest[:3])
    headers: dict[str, str] = {}
    while (line := await reader.readline()) not in {b"\r\n", b""}:
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    if status == 100:
        return await _reply(reader, is_head)
    return Reply(status, headers, b"" if is_head else await _body(reader, headers))


async def _body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if "content-length" in headers:
        size = int(headers["content-length"])
        if size > ANSWER_BYTES_MAX:
            raise ValueError(f"an answer of {size} bytes")
        return await reader.readexactly(size)
    chunks: list[bytes] = []
    while size := int((await reader.readline()).split(b";")[0], 16):
        chunks.append(await reader.readexactly(size))
        await reader.readline()
    await reader.readline()
    return b"".join(chunks)
