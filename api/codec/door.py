"""Who may decode: auditors and operators, by bearer key or by a browser signed in with one."""

from typing import Final

from fastapi import Request
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from api.access.gate import authorise
from api.access.keys import Caller
from api.access.rights import Right
from api.codec.session import COOKIE, PATH
from api.services import services_of

DECODE: Final = f"{PATH}/decode"
_BEARER = "bearer "
_HEADERS = ("Content-Type", "X-Namespace", "Authorization", "Authorization-Extras")
"""The request headers that the Temporal UI sends."""


async def may_decode(request: Request, token: str | None) -> Caller:
    """Raises `AccessRefused`."""
    return await authorise(request, token, Right.DECODE)


async def decoding_caller(request: Request) -> Caller:
    """Raises `AccessRefused`.

    A browser sends its cookie with every request, whichever page made it. So a cookie counts only on requests from the
    UI's own origin; SameSite=strict and a content type that no form can send are further defences.
    """
    authorization = request.headers.get("authorization", "")
    if authorization[: len(_BEARER)].lower() == _BEARER:
        return await may_decode(request, authorization[len(_BEARER) :].strip() or None)
    is_from_ui = request.headers.get("origin") == services_of(request).settings.codec_page_origin
    return await may_decode(request, await signed_in_key(request) if is_from_ui else None)


async def signed_in_key(request: Request) -> str | None:
    cookie = request.cookies.get(COOKIE)
    return None if cookie is None else await services_of(request).codec_sessions.key_in(cookie)


class CodecCors:
    """ASGI middleware: only the Temporal UI's origin may call the codec from a browser."""

    def __init__(self, app: ASGIApp, origin: str) -> None:
        self._app = app
        self._open_to_one = CORSMiddleware(
            app, allow_origins=[origin], allow_methods=["POST"], allow_headers=_HEADERS, allow_credentials=True
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        concerns = scope["type"] == "http" and scope["path"] == DECODE
        await (self._open_to_one if concerns else self._app)(scope, receive, send)
