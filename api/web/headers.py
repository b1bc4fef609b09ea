"""Security headers on every answer: what a browser may do with it, and that no one may cache it."""

import base64
import hashlib
import re
from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

DOCUMENT_PATH = "/docs"
ASSETS_PATH = "/docs/assets"

HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
"""Defaults: a route that needs another value sets it itself."""

HSTS = "max-age=31536000"
_ASSETS_KEPT = "public, max-age=86400"
_DOCUMENT_POLICY = (
    "default-src 'none'; script-src 'self'{scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


class SecurityHeaders:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        held: list[Message] = []

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _complete(MutableHeaders(scope=message), scope)
                if scope["path"].startswith(DOCUMENT_PATH) and _is_page(message):
                    held.append(message)  # until the body is known, from which its policy is computed
                    return
            elif held:
                start = held.pop()
                MutableHeaders(scope=start)["Content-Security-Policy"] = document_policy(message.get("body", b""))
                await send(start)
            await send(message)

        await self._app(scope, receive, send_with_headers)


def document_policy(page: bytes) -> str:
    """The Content-Security-Policy of /docs: it may run our own files and exactly the inline scripts in `page`."""
    digests = (base64.b64encode(hashlib.sha256(script).digest()).decode() for script in _INLINE_SCRIPT.findall(page))
    return _DOCUMENT_POLICY.format(scripts="".join(f" 'sha256-{digest}'" for digest in digests))


def _complete(headers: MutableHeaders, scope: Scope) -> None:
    if scope["path"].startswith(f"{ASSETS_PATH}/"):
        headers.setdefault("Cache-Control", _ASSETS_KEPT)
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    if scope["scheme"] == "https":
        headers.setdefault("Strict-Transport-Security", HSTS)


def _is_page(message: Message) -> bool:
    return MutableHeaders(scope=message).get("content-type", "").startswith("text/html")
