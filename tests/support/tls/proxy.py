"""TLS in front of a server that has none: it ends the encryption, demands a certificate, passes bytes on."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.stack.link import link_to
from tests.support.tls.authority import Issued


def demanding(server: Issued, client_ca: Path) -> ssl.SSLContext:
    """A server's side that wants a certificate signed by `client_ca`. HTTP/2 for gRPC, else HTTP/1.1."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(client_ca))
    context.load_cert_chain(server.cert, server.key)
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


@asynccontextmanager
async def tls_proxy(backend: str, context: ssl.SSLContext) -> AsyncIterator[str]:
    """The proxy's HOST:PORT; `backend` is the server's."""
    async with link_to(backend, context) as link:
        yield link.address
