"""The door of Temporal's UI: who may look, and that looking is all.

The UI of Temporal's dev server answers whatever Host it is asked for, so that any page in a browser on this machine
could use it by pointing a name of its own at 127.0.0.1 (DNS rebinding), and takes every write without a key. So it
listens where no page finds it, and this relay at its documented port passes on what is asked for by a name of ours.

Run as `python -m cli.stack.ui_door --help`.
"""

import argparse
import re
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from typing import Final

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from settings import is_loopback

ANSWER_S_MAX: Final = 60.0
BODY_BYTES_MAX: Final = 1024 * 1024
SETTINGS_PATH: Final = "/api/v1/settings"
_READS: Final = frozenset({"GET", "HEAD"})
_PLACE: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?", re.ASCII)
_SCHEME: Final = re.compile(r"^https?://", re.IGNORECASE)
_SAFE: Final = r"[A-Za-z0-9._~-]+"
_QUERY: Final = re.compile(rf"/api/v1/namespaces/{_SAFE}/workflows/{_SAFE}/query/\w+", re.ASCII)
"""The one kind of POST that only reads: how the UI asks a workflow for its current details."""

_ASKED: Final = ("Accept", "Accept-Language", "Content-Type", "Cookie", "X-CSRF-Token", "Caller-Type", "If-None-Match")
_ANSWERED: Final = ("Content-Type", "Cache-Control", "ETag", "Last-Modified", "Set-Cookie", "Location")
"""The headers that are passed on; never those that would let pages of others read an answer."""
_ADDED: Final = {
    "Server": "medpay",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_WRONG_HOST: Final = "请用本机地址或 MEDPAY_CODEC_ORIGIN 中的地址打开 Temporal 界面"
_WRONG_PAGE: Final = "其他网页不能调用 Temporal 界面"
_READ_ONLY: Final = "Temporal 界面只能查看; 如需操作请设置 MEDPAY_TEMPORAL_UI_WRITES=on"


class UiDoor:
    """`upstream`: the UI's own address. `hosts`: names of ours beside this machine's. `writes`: whether they pass."""

    def __init__(self, upstream: str, hosts: frozenset[str], *, writes: bool) -> None:
        self._upstream = upstream
        self._hosts = hosts
        self._writes = writes

    def application(self) -> web.Application:
        application = web.Application(client_max_size=BODY_BYTES_MAX)
        application.cleanup_ctx.append(self._session)
        application.router.add_route("*", "/{path:.*}", self.answer)
        return application

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if refusal := self._refusal(request):
            status, why = refusal
            return web.Response(status=status, text=f"{status.value}: {why}\n", headers=_ADDED)
        async with self._http.request(
            request.method,
            URL(f"{self._upstream}{request.raw_path}", encoded=True),
            headers={name: request.headers[name] for name in _ASKED if name in request.headers},
            data=await request.read() if request.can_read_body else None,
            allow_redirects=False,
        ) as theirs:
            if request.path == SETTINGS_PATH and not self._writes and theirs.status == HTTPStatus.OK:
                return web.json_response(_read_only(await theirs.json()), headers=_ADDED)
            ours = web.StreamResponse(status=theirs.status, headers=_passed_on(theirs.headers))
            await ours.prepare(request)
            async for chunk in theirs.content.iter_any():
                await ours.write(chunk)
            await ours.write_eof()
            return ours

    def _refusal(self, request: web.Request) -> tuple[HTTPStatus, str] | None:
        if not request.raw_path.startswith("/") or not self._is_ours(request.headers.get("Host", "")):
            return HTTPStatus.MISDIRECTED_REQUEST, _WRONG_HOST
        if request.method in _READS:
            return None
        origin = request.headers.get("Origin")
        if origin is not None and not self._is_ours(_SCHEME.sub("", origin)):
            return HTTPStatus.FORBIDDEN, _WRONG_PAGE
        asks = request.method == "POST" and _QUERY.fullmatch(request.raw_path.partition("?")[0])
        return None if asks or self._writes else (HTTPStatus.FORBIDDEN, _READ_ONLY)

    def _is_ours(self, place: str) -> bool:
        """Whether `HOST[:PORT]` is this machine by number or as localhost, or one of our names."""
        match = _PLACE.fullmatch(place)
        host = match["host"].lower() if match else ""
        return is_loopback(host) or host in self._hosts

    async def _session(self, _: web.Application) -> AsyncIterator[None]:
        limit = aiohttp.ClientTimeout(total=None, sock_read=ANSWER_S_MAX)
        async with aiohttp.ClientSession(
            timeout=limit, cookie_jar=aiohttp.DummyCookieJar(), headers={"Accept-Encoding": "identity"}
        ) as self._http:
            yield


def _read_only(settings: dict[str, object]) -> dict[str, object]:
    """The UI's own settings, by which it shows no button that would be refused."""
    return settings | {"DisableWriteActions": True}


def _passed_on(headers: Mapping[str, str]) -> CIMultiDict[str]:
    theirs = CIMultiDict(headers)
    passed = CIMultiDict((name, value) for name in _ANSWERED for value in theirs.getall(name, ()))
    passed.extend(_ADDED)
    return passed


def main() -> None:
    parser = argparse.ArgumentParser(prog="ui_door", description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--host", required=True, help="Address to listen on.")
    parser.add_argument("--port", required=True, type=int, help="TCP port to listen on.")
    parser.add_argument("--upstream", required=True, help="The UI's own address, http://HOST:PORT.")
    parser.add_argument("--name", action="append", default=[], help="A further host by which it may be asked for.")
    parser.add_argument("--writes", action="store_true", help="Pass on what changes something.")
    given = parser.parse_args()
    door = UiDoor(given.upstream, frozenset(given.name), writes=given.writes)
    web.run_app(door.application(), host=given.host, port=given.port, access_log=None, print=None)


if __name__ == "__main__":
    main()
