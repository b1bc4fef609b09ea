"""The way to a server, which can fall silent or be cut while calls are under way."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

CHUNK_BYTES = 65_536


class Link:
    """`address`: HOST:PORT in front of the server's."""

    def __init__(self, backend: str) -> None:
        self.address = ""
        self._host, _, port = backend.rpartition(":")
        self._port = int(port)
        self._is_cut = self._is_silent = False
        self._connections: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def silence(self) -> None:
        """From now on nothing comes through, in either direction, and nobody is told."""
        self._is_silent = True

    def cut(self) -> None:
        """Break every connection, and refuse new ones."""
        self._is_cut = True
        self._break()

    def mend(self) -> None:
        """What was under way in the meantime is lost."""
        if self._is_silent:
            self._break()
        self._is_cut = self._is_silent = False

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        inner_reader, inner_writer = await asyncio.open_connection(self._host, self._port)
        self._connections |= {writer, inner_writer}
        try:
            await asyncio.gather(self._pass_on(reader, inner_writer), self._pass_on(inner_reader, writer))
        finally:
            self._connections -= {writer, inner_writer}

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(CHUNK_BYTES):
                if not self._is_silent:
                    writer.write(data)
                    await writer.drain()
        except OSError:
            return
        finally:
            writer.close()

    def _break(self) -> None:
        for writer in self._connections:
            writer.transport.abort()


@asynccontextmanager
async def link_to(backend: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[Link]:
    """A link to the server at `backend`, HOST:PORT. `tls`: what its own end demands; the server has none."""
    link = Link(backend)
    server = await asyncio.start_server(link.accept, "127.0.0.1", 0, ssl=tls, backlog=1_024)
    link.address = "{}:{}".format(*server.sockets[0].getsockname()[:2])
    try:
        yield link
    finally:
        server.close()
        await link.close()
