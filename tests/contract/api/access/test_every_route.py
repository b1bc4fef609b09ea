"""Every route of the application, walked: who may do what, and that nobody else may. A new one must be entered here."""

from collections.abc import AsyncIterator, Iterator
from enum import Enum
from pathlib import Path

import pytest
import pytest_asyncio
import structlog
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from api.app import create_app
from hospitals import Role
from tests.support.stack.api_server import (
    EXPIRED_KEY,
    KEY,
    KEYS,
    NOTICE,
    SIGNING_KEY,
    Answer,
    ApiServer,
    free_port,
    serving_api,
    settings_for,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Open(Enum):
    """Needs no key of ours."""

    TO_ALL = "nothing in it is anybody's"
    TO_THE_CENTRE = "believes the centre's signature alone"
    TO_THOSE_WHO_BRING_A_KEY = "a browser's form, whose key decides (test_codec_sign_in)"


CALLER, OPERATOR, APPROVER, AUDITOR = Role
ALL = frozenset(Role)
ROUTES: dict[tuple[str, str], frozenset[Role] | Open] = {
    ("POST", "/api/v1/insurance/pre-settle"): frozenset({CALLER}),
    ("POST", "/api/v1/insurance/settle"): frozenset({CALLER}),
    ("POST", "/api/v1/insurance/settlement-notice"): Open.TO_THE_CENTRE,
    ("GET", "/api/v1/payments"): ALL,
    ("GET", "/api/v1/payments/{medOrgOrd}"): ALL,
    ("POST", "/api/v1/payments/{medOrgOrd}/cancel"): frozenset({CALLER, OPERATOR}),
    ("POST", "/api/v1/payments/{medOrgOrd}/recheck"): frozenset({OPERATOR, APPROVER}),
    ("POST", "/api/v1/payments/{medOrgOrd}/refunds"): frozenset({CALLER, OPERATOR}),
    ("GET", "/api/v1/payments/{medOrgOrd}/refunds/{refundNo}"): ALL,
    ("GET", "/api/v1/reviews"): frozenset({OPERATOR, APPROVER, AUDITOR}),
    ("GET", "/api/v1/reviews/{medOrgOrd}"): frozenset({OPERATOR, APPROVER, AUDITOR}),
    ("POST", "/api/v1/reviews/{medOrgOrd}/proposals"): frozenset({OPERATOR, APPROVER}),
    ("POST", "/api/v1/reviews/{medOrgOrd}/approvals"): frozenset({APPROVER}),
    ("POST", "/codec/decode"): frozenset({OPERATOR, AUDITOR}),
    ("GET", "/codec/login"): Open.TO_ALL,
    ("POST", "/codec/login"): Open.TO_THOSE_WHO_BRING_A_KEY,
    ("POST", "/codec/logout"): Open.TO_THOSE_WHO_BRING_A_KEY,
    ("GET", "/health/live"): Open.TO_ALL,
    ("GET", "/health/ready"): Open.TO_ALL,
    ("GET", "/metrics"): Open.TO_ALL,
    ("GET", "/docs"): Open.TO_ALL,
    ("GET", "/docs/oauth2-redirect"): Open.TO_ALL,
    ("MOUNT", "/docs/assets"): Open.TO_ALL,
    ("GET", "/openapi.json"): Open.TO_ALL,
}
GUARDED = [(method, path) for (method, path), needed in ROUTES.items() if not isinstance(needed, Open)]
KEY_OF = {
    CALLER: KEY,
    OPERATOR: KEYS["operator"],
    APPROVER: KEYS["approver"],
    AUDITOR: KEYS["auditor"],
}


def routes_of(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Every route with each of its methods; a HEAD is a GET's. What is mounted has no methods of its own."""
    for route in iter_route_contexts(app.routes):
        for method in (route.methods or {"MOUNT"}) - {"HEAD"}:
            yield method, route.path or ""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(prepared_folder: Path) -> AsyncIterator[ApiServer]:
    async with serving_api(settings_for(prepared_folder, f"127.0.0.1:{free_port()}")) as server:
        yield server


async def called(api: ApiServer, method: str, path: str, key: str | None) -> Answer:
    return await api.call(method, path.format(medOrgOrd="M1", refundNo="R1"), key=key, json={})


async def test_all_are_entered(prepared_folder: Path) -> None:
    app = create_app(settings_for(prepared_folder, "127.0.0.1:9"))
    assert sorted(routes_of(app)) == sorted(ROUTES)
    strange = [method for _, operations in app.openapi()["paths"].items() for method in operations]
    assert len(strange) == len([route for route in ROUTES if not route[1].startswith(("/docs", "/openapi", "/codec"))])


async def test_the_document_says_which_need_a_key(prepared_folder: Path) -> None:
    for path, operations in create_app(settings_for(prepared_folder, "127.0.0.1:9")).openapi()["paths"].items():
        for method, operation in operations.items():
            assert bool(operation.get("security")) == ((method.upper(), path) in GUARDED), (method, path)


@pytest.mark.parametrize(("method", "path"), GUARDED)
class TestGuarded:
    @pytest.mark.parametrize(
        ("key", "reason"),
        [(None, "no_key"), ("wrong", "unknown_key"), ("", "no_key"), (EXPIRED_KEY, "expired_key")],
    )
    async def test_nobody_comes_in_without_a_key_in_force(
        self, api: ApiServer, method: str, path: str, key: str | None, reason: str
    ) -> None:
        with structlog.testing.capture_logs() as logs:
            answer = await called(api, method, path, key)
        assert answer.outcome == (401, "UNAUTHORIZED")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        (told,) = [line for line in logs if line["event"] == "access_refused"]
        assert (told["reason"], told["method"], told["route"]) == (reason, method, path)
        assert told["key_name"] == ("expired-key" if key == EXPIRED_KEY else "")

    @pytest.mark.parametrize("role", Role)
    async def test_a_role_opens_what_it_is_for(self, api: ApiServer, method: str, path: str, role: Role) -> None:
        needed = ROUTES[method, path]
        assert not isinstance(needed, Open)
        with structlog.testing.capture_logs() as logs:
            answer = await called(api, method, path, KEY_OF[role])
        refusals = [line for line in logs if line["event"] == "access_refused"]
        if role in needed:
            assert answer.status in {200, 404, 422, 503}
            assert answer.code not in {"UNAUTHORIZED", "FORBIDDEN"}
            assert refusals == []
            return
        assert answer.outcome == (403, "FORBIDDEN")
        (told,) = refusals
        assert (told["reason"], told["role"], told["route"]) == ("wrong_role", role.value, path)

    async def test_the_signing_key_does_not_open_unsigned(self, api: ApiServer, method: str, path: str) -> None:
        assert (await called(api, method, path, SIGNING_KEY)).outcome == (401, "UNAUTHORIZED")


@pytest.mark.parametrize(("method", "path"), [route for route in ROUTES if ROUTES[route] is Open.TO_ALL])
async def test_what_is_open_needs_no_key(api: ApiServer, method: str, path: str) -> None:
    asset = f"{path}/favicon.png" if method == "MOUNT" else path
    answer = await api.call("GET", asset, key=None)
    assert answer.status in {200, 503}


async def test_the_centre_s_door_opens_to_no_key(api: ApiServer) -> None:
    for key in KEY_OF.values():
        answer = await api.post(NOTICE, dict.fromkeys(("appId", "timestamp", "encData", "signData"), "x"), key=key)
        assert answer.outcome == (401, "UNAUTHORIZED")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def guarded(prepared_folder: Path) -> AsyncIterator[ApiServer]:
    settings = settings_for(prepared_folder, f"127.0.0.1:{free_port()}", metrics_access="key")
    async with serving_api(settings) as server:
        yield server


class TestMetrics:
    @pytest.mark.parametrize(
        ("key", "status"),
        [(None, 401), (KEY, 403), (EXPIRED_KEY, 401), (KEYS["operator"], 200), (KEYS["auditor"], 200)],
    )
    async def test_want_a_person_s_key_where_the_settings_say_so(
        self, guarded: ApiServer, key: str | None, status: int
    ) -> None:
        assert (await guarded.call("GET", "/metrics", key=key)).status == status
