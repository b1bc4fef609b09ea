"""Who calls: the address of the connection, or the one that a proxy of ours has seen.

Anyone can write an `X-Forwarded-For`. Only what the proxies in MEDPAY_TRUSTED_PROXIES have added to it is believed: it
is read from its end, up to the first address that is none of theirs.
"""

import ipaddress
import re
from collections.abc import Sequence
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from settings import Network

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

HOPS_MAX: Final = 16
"""Proxies in a row. Beyond it nobody is believed any more."""

_LITERAL: Final = re.compile(
    r"\[(?P<bracketed>[0-9A-Fa-f:.]+)\](?::\d{1,5})?|(?P<v4>[0-9.]+)(?::\d{1,5})?|(?P<v6>[0-9A-Fa-f:.]+)", re.ASCII
)
"""An address as proxies write it, with or without a port. Names, `unknown` and zones (`fe80::1%eth0`) are none."""


class ClientAddress:
    """ASGI middleware that sets the scope's `client` and `scheme`; must be outermost.

    `proxies`: of ours. What any other sends along is ignored, so that nobody chooses the address they are counted by.
    """

    def __init__(self, app: ASGIApp, proxies: Sequence[Network]) -> None:
        self._app = app
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._proxies and scope["type"] == "http":
            self._believe(scope)
        await self._app(scope, receive, send)

    def _believe(self, scope: Scope) -> None:
        host = (scope.get("client") or ("", 0))[0]
        peer = literal(host)
        if peer is None or not self._is_ours(peer):
            return
        headers = Headers(scope=scope)
        scope["client"] = (str(self._client(peer, headers.getlist("x-forwarded-for"))), 0)
        scheme = headers.getlist("x-forwarded-proto")[-1:]
        if scheme and scheme[0].strip().lower() in {"http", "https"}:
            scope["scheme"] = scheme[0].strip().lower()

    def _client(self, peer: Address, forwarded: Sequence[str]) -> Address:
        """The last address that is none of ours; `peer`, or the last proxy of ours, where the header ends there."""
        client = peer
        for item in reversed(",".join(forwarded).split(",")[-HOPS_MAX:]):
            address = literal(item.strip())
            if address is None:
                return client
            client = address
            if not self._is_ours(address):
                return client
        return client

    def _is_ours(self, address: Address) -> bool:
        return any(address in network for network in self._proxies)


def literal(text: str) -> Address | None:
    """The address that `text` is, an IPv4 one as such however it is written; None if it is none."""
    match = _LITERAL.fullmatch(text)
    if match is None:
        return None
    try:
        address = ipaddress.ip_address(match["bracketed"] or match["v4"] or match["v6"])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
