"""The door of Temporal's UI over real sockets: what it passes on to a UI that would do anything for anyone."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from cli.stack.ui_door import UiDoor

QUERY = "/api/v1/namespaces/default/workflows/payment-main-M1/query/__temporal_workflow_metadata"
TERMINATE = "/api/v1/namespaces/default/workflows/payment-main-M1/terminate"
HERE, NAMED = "127.0.0.1:8233", "temporal.hospital.example"


@dataclass
class Ui:
    """The UI behind the door, and what reached it."""

    url: str = ""
    reached: list[web.Request] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.reached.append(request)
        headers = {"Set-Cookie": "_csrf=1; Path=/", "Access-Control-Allow-Origin": "*", "ETag": '"1"', "Server": "x"}
        if request.path == "/moved":
            return web.Response(status=302, headers={"Location": "/namespaces"})
        body = {"DisableWriteActions": False, "Version": "2", "said": await request.text()}
        return web.json_response(body, headers=headers)


@pytest.fixture
async def ui() -> AsyncIterator[Ui]:
    behind = Ui()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", behind.answer)
    async with TestServer(application) as server:
        behind.url = str(server.make_url("")).rstrip("/")
        yield behind


@pytest.fixture(params=[False])
async def door(ui: Ui, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """Its address. Parametrised by whether writes pass."""
    application = UiDoor(ui.url, frozenset({NAMED}), writes=request.param).application()
    async with TestServer(application) as server:
        yield str(server.make_url("")).rstrip("/")


async def _asked(door: str, method: str, path: str, **headers: str) -> aiohttp.ClientResponse:
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, URL(f"{door}{path}", encoded=True), headers=headers, allow_redirects=False) as response,
    ):
        await response.read()
        return response


class TestWhoMayLook:
    @pytest.mark.parametrize(
        "host",
        [
            "127.0.0.1",
            HERE,
            "127.8.8.8:1",
            "localhost:8233",
            "LOCALHOST",
            "[::1]:8233",
            NAMED,
            "Temporal.Hospital.Example:443",
        ],
    )
    async def test_by_a_name_of_ours(self, door: str, ui: Ui, host: str) -> None:
        assert (await _asked(door, "GET", "/api/v1/namespaces", Host=host)).status == 200
        assert len(ui.reached) == 1

    @pytest.mark.parametrize(
        "host",
        [
            "evil.example",
            "evil.example:8233",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "localhost.",
            "2130706433",
            "0x7f.1",
            "0.0.0.0",  # noqa: S104 - a name, not bound
            "192.0.2.7",
            "evil.example@127.0.0.1:x",
            "[",
            "[::1",
            "127.0.0.1/evil",
            "none.invalid",
            "",
        ],
    )
    async def test_by_no_other(self, door: str, ui: Ui, host: str) -> None:
        """As a page has it whose name was pointed at 127.0.0.1."""
        response = await _asked(door, "GET", "/api/v1/namespaces", Host=host)
        assert response.status in {400, 421}
        assert ui.reached == []

    async def test_no_page_of_others_can_read_an_answer(self, door: str) -> None:
        response = await _asked(door, "GET", "/", Host=HERE, Origin="http://evil.example")
        assert [name for name in response.headers if name.startswith("Access-Control")] == []
        assert response.headers["X-Frame-Options"] == "DENY"
        assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"


WRITES = [
    ("POST", TERMINATE),
    ("POST", "/api/v1/namespaces/default/workflows/payment-main-M1/signal/notice"),
    ("POST", "/api/v1/namespaces/default/workflows/payment-main-M1/update/approve"),
    ("POST", "/api/v1/namespaces/default/workflows/x"),
    ("POST", "/api/v1/namespaces/default/batch-operations/1"),
    ("PUT", TERMINATE),
    ("DELETE", "/api/v1/namespaces/default/schedules/1"),
    ("PATCH", "/api/v1/namespaces/default/schedules/1"),
    ("OPTIONS", "/api/v1/namespaces"),
    ("PUT", QUERY),
    ("POST", f"{TERMINATE}%3F/query/x"),
    ("POST", f"{TERMINATE}%2F..%2Fx/query/x"),
    ("POST", f"{TERMINATE}?a=/query/x"),
    ("POST", "/api/v1/namespaces/default/workflows/w/query/..%2fterminate"),
    ("POST", f"{QUERY}/../../terminate"),
]


class TestLookingIsAll:
    @pytest.mark.parametrize(("method", "path"), WRITES)
    async def test_what_changes_something_is_refused(self, door: str, ui: Ui, method: str, path: str) -> None:
        response = await _asked(door, method, path, Host=HERE)
        assert response.status in {403, 404}
        assert ui.reached == []

    async def test_a_query_reads(self, door: str, ui: Ui) -> None:
        assert (await _asked(door, "POST", QUERY, Host=HERE, Origin=f"http://{HERE}")).status == 200
        assert ui.reached[0].raw_path == QUERY

    @pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://[", ""])
    async def test_no_page_of_others_makes_the_ui_ask(self, door: str, ui: Ui, origin: str) -> None:
        assert (await _asked(door, "POST", QUERY, Host=HERE, Origin=origin)).status == 403
        assert ui.reached == []

    @pytest.mark.parametrize("door", [False, True], indirect=True)
    async def test_the_ui_is_told(self, door: str, request: pytest.FixtureRequest) -> None:
        async with aiohttp.ClientSession() as session, session.get(f"{door}/api/v1/settings") as response:
            told = await response.json()
        writes = "True" in request.node.name
        assert told == {"DisableWriteActions": not writes, "Version": "2", "said": ""}

    @pytest.mark.parametrize("door", [True], indirect=True)
    async def test_if_set_so_writes_pass_but_not_for_pages_of_others(self, door: str, ui: Ui) -> None:
        assert (await _asked(door, "POST", TERMINATE, Host=HERE, Origin=f"http://{HERE}")).status == 200
        assert (await _asked(door, "POST", TERMINATE, Host=HERE, Origin="http://evil.example")).status == 403
        assert (await _asked(door, "POST", TERMINATE, Host="evil.example")).status == 421
        assert len(ui.reached) == 1


class TestWhatIsPassedOn:
    async def test_only_headers_that_the_ui_needs(self, door: str, ui: Ui) -> None:
        sent = {"Accept": "a/b", "X-CSRF-Token": "1", "X-HTTP-Method-Override": "DELETE", "Authorization": "Bearer k"}
        response = await _asked(door, "GET", "/x%20y?next=%2F", Host=HERE, **sent)
        (request,) = ui.reached
        assert request.raw_path == "/x%20y?next=%2F"
        assert (request.headers["Accept"], request.headers["X-CSRF-Token"]) == ("a/b", "1")
        assert {"X-HTTP-Method-Override", "Authorization"}.isdisjoint(request.headers)
        assert (response.headers["Set-Cookie"], response.headers["ETag"]) == ("_csrf=1; Path=/", '"1"')
        assert response.headers["Server"] == "medpay"

    async def test_a_body_and_a_redirect(self, door: str) -> None:
        async with aiohttp.ClientSession() as session, session.post(f"{door}{QUERY}", json={"a": 1}) as response:
            assert (await response.json())["said"] == '{"a": 1}'
        moved = await _asked(door, "GET", "/moved", Host=HERE)
        assert (moved.status, moved.headers["Location"]) == (302, "/namespaces")
