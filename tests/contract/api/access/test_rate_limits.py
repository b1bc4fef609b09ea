"""How often one may call, over real sockets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from api.access.limits import SOURCES_MAX, Limit, RateLimits, address_of
from api.codec.page import SIGN_IN
from security.crypto.sm import generate_key_pair
from settings import Settings
from tests.support.stack.api_server import (
    KEY,
    KEYS,
    NOTICE,
    Answer,
    ApiServer,
    centre_side,
    free_port,
    serving_api,
    settings_for,
)

LIST = "/api/v1/payments"


def forwarded(number: int, before: str = "") -> dict[str, str]:
    """As a proxy sends it for one of its clients; `before`: what the client itself has sent."""
    return {"X-Forwarded-For": f"{before}203.0.113.{number}"}


@asynccontextmanager
async def limited(folder: Path, **limits: Any) -> AsyncIterator[ApiServer]:
    async with serving_api(settings_for(folder, f"127.0.0.1:{free_port()}", **limits)) as server:
        yield server


def assert_too_many(answer: Answer) -> None:
    assert answer.outcome == (429, "RATE_LIMITED")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60


class TestCallsOfAKey:
    async def test_above_the_limit_are_refused_and_no_other_key_s(self, prepared_folder: Path) -> None:
        async with limited(prepared_folder, rate_limit_per_minute=3) as api:
            for _ in range(3):
                assert (await api.call("GET", LIST)).status == 200
            for _ in range(2):
                assert_too_many(await api.call("GET", LIST))
            assert (await api.call("GET", LIST, key=KEYS["west"])).status == 200
            assert (await api.call("GET", LIST, key=KEYS["operator"])).status == 200

    async def test_without_a_right_count_too(self, prepared_folder: Path) -> None:
        async with limited(prepared_folder, rate_limit_per_minute=1) as api:
            assert (await api.call("GET", "/api/v1/reviews")).status == 403
            assert_too_many(await api.call("GET", LIST))

    async def test_at_the_page_that_asks_for_a_key_say_so_too(self, prepared_folder: Path) -> None:
        async with limited(prepared_folder, refusals_per_minute=1) as api:
            form = {"key": "wrong"}
            answers = [await api.call("POST", SIGN_IN, key=None, data=form) for _ in range(2)]
            assert [answer.status for answer in answers] == [401, 429]
            assert 1 <= int(answers[1].headers["Retry-After"]) <= 60

    async def test_zero_is_no_limit(self, prepared_folder: Path) -> None:
        async with limited(prepared_folder, rate_limit_per_minute=0) as api:
            assert {(await api.call("GET", LIST)).status for _ in range(20)} == {200}

    async def test_health_is_never_limited(self, prepared_folder: Path) -> None:
        async with limited(prepared_folder, rate_limit_per_minute=1, refusals_per_minute=1) as api:
            assert {(await api.call("GET", "/health/live")).status for _ in range(5)} == {200}


class TestRefusalsOfAnAddress:
    async def test_above_the_limit_are_told_to_wait_and_a_good_key_comes_in(self, prepared_folder: Path) -> None:
        async with limited(prepared_folder, refusals_per_minute=2) as api:
            for _ in range(2):
                assert (await api.call("GET", LIST, key="wrong")).status == 401
            assert_too_many(await api.call("GET", LIST, key="wrong"))
            assert_too_many(await api.call("GET", LIST, key=None))
            assert (await api.call("GET", LIST, key=KEY)).status == 200

    async def test_nobody_chooses_the_address_they_are_counted_by(self, prepared_folder: Path) -> None:
        async with limited(prepared_folder, refusals_per_minute=2) as api:
            spoofed = [await api.call("GET", LIST, key="wrong", headers=forwarded(number)) for number in range(3)]
            assert [answer.status for answer in spoofed] == [401, 401, 429]

    async def test_behind_a_proxy_that_is_set_each_client_is_counted(self, prepared_folder: Path) -> None:
        async with limited(prepared_folder, refusals_per_minute=2, trusted_proxies="127.0.0.1") as api:
            seen = [await api.call("GET", LIST, key="wrong", headers=forwarded(number)) for number in range(3)]
            assert [answer.status for answer in seen] == [401] * 3
            alike = [await api.call("GET", LIST, key="wrong", headers=forwarded(7, f"6.6.6.{own}, ")) for own in "123"]
            assert [answer.status for answer in alike] == [401, 401, 429]

    async def test_notices_that_are_not_believed_are_not_even_verified(self, prepared_folder: Path) -> None:
        async with limited(prepared_folder, refusals_per_minute=2) as api:
            notice = await centre_side(generate_key_pair()).seal_request({"payOrdId": "ORD1"})
            for _ in range(2):
                assert (await api.post(NOTICE, notice, key=None)).status == 401
            answer = await api.post(NOTICE, notice, key=None)
            assert_too_many(answer)
            assert answer.json.keys() == {"success", "message"}

    async def test_wrong_keys_keep_no_notice_out(self, prepared_folder: Path) -> None:
        async with limited(prepared_folder, refusals_per_minute=1) as api:
            for _ in range(2):
                await api.call("GET", LIST, key="wrong")
            notice = await centre_side().seal_request({"payOrdId": "NOBODY-S"})
            assert (await api.post(NOTICE, notice, key=None)).status == 200

    async def test_notices_of_the_centre_do_not_count(self, prepared_folder: Path) -> None:
        async with limited(prepared_folder, refusals_per_minute=1) as api:
            for _ in range(3):
                notice = await centre_side().seal_request({"payOrdId": "NOBODY-S"})
                assert (await api.post(NOTICE, notice, key=None)).status == 200


class TestAddress:
    @pytest.mark.parametrize(
        ("host", "counted"),
        [
            ("10.0.0.1", "10.0.0.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
            ("::ffff:10.0.0.1", "10.0.0.1"),
            ("testclient", "testclient"),
            (None, "unknown"),
        ],
    )
    def test_of_one_site_is_one(self, host: str | None, counted: str) -> None:
        assert address_of(host) == counted


class TestALimit:
    def test_begins_anew_a_minute_after_the_first_call(self) -> None:
        now = [100.0]
        limit = Limit(2, lambda: now[0])
        assert [limit.count("a"), limit.count("a"), limit.count("a"), limit.count("b")] == [0, 0, 60, 0]
        now[0] += 59.5
        assert (limit.spent("a"), limit.count("a"), limit.spent("b")) == (1, 1, 0)
        now[0] += 0.5
        assert (limit.spent("a"), limit.count("a")) == (0, 0)

    def test_takes_as_much_work_for_50000_addresses_as_for_one(self) -> None:
        """Work in readings of its clock, of which each look at a window takes some."""
        readings = [0]

        def clock() -> float:
            readings[0] += 1
            return float(readings[0] // 1_000)

        limit, spent = Limit(5, clock), []
        for number in range(50_000):
            before = readings[0]
            limit.count(address_of(f"2001:db8:{number:x}::1"))
            spent.append(readings[0] - before)
        assert max(spent[100:]) <= 2 * max(spent[:100])

    def test_remembers_so_many_and_forgets_who_was_silent_longest(self) -> None:
        limit = Limit(1)
        limit.count("first")
        for number in range(10 * SOURCES_MAX):
            limit.count(str(number))
            assert limit.spent("first")
        assert not limit.spent("0")
        assert len(limit._windows) == SOURCES_MAX


def test_the_default_lets_200_calls_a_second_pass() -> None:
    calls = RateLimits(Settings(_env_file=None)).calls
    assert [calls.count("main", "key") for _ in range(200 * 60)] == [0] * 12_000
