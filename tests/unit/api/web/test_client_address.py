"""Whose address counts: nobody chooses their own, and what a proxy of ours has seen is believed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send

from api.web.client_address import HOPS_MAX, ClientAddress, literal
from settings import networks

OURS = "10.0.0.5,10.1.0.0/24,2001:db8:7::/48"
PROXY = "10.0.0.5"


async def seen(peer: str | None, *headers: tuple[str, str], proxies: str = OURS) -> tuple[str | None, str]:
    """The client's address and the scheme that the application is told."""
    told: list[Scope] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        told.append(scope)

    async def nothing() -> dict[str, str]:
        return {}

    async def nowhere(_: object) -> None:
        """No answer is looked at."""

    scope: Scope = {
        "type": "http",
        "client": None if peer is None else (peer, 5),
        "scheme": "http",
        "headers": [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in headers],
    }
    await ClientAddress(app, networks(proxies) if proxies else ())(scope, nothing, nowhere)
    client = told[0]["client"]
    return client and client[0], told[0]["scheme"]


def forwarded(*values: str) -> list[tuple[str, str]]:
    return [("X-Forwarded-For", value) for value in values]


class TestAStranger:
    @pytest.mark.parametrize("peer", ["203.0.113.9", "10.0.0.6", "10.2.0.1", "::1", "unix:", None])
    @pytest.mark.parametrize("proxies", [OURS, ""])
    async def test_is_counted_as_who_they_are(self, peer: str | None, proxies: str) -> None:
        headers = [*forwarded("1.2.3.4", "10.0.0.5"), ("X-Forwarded-Proto", "https")]
        assert await seen(peer, *headers, proxies=proxies) == (peer, "http")

    async def test_is_who_they_are_where_no_proxy_is_set_even_from_here(self) -> None:
        assert await seen("127.0.0.1", *forwarded("1.2.3.4"), proxies="") == ("127.0.0.1", "http")


class TestBehindAProxyOfOurs:
    @pytest.mark.parametrize(
        ("values", "client"),
        [
            (["203.0.113.9"], "203.0.113.9"),
            (["1.2.3.4, 203.0.113.9"], "203.0.113.9"),
            (["1.2.3.4", "203.0.113.9"], "203.0.113.9"),
            (["1.2.3.4, 203.0.113.9, 10.1.0.7"], "203.0.113.9"),
            (["203.0.113.9", "10.1.0.7, 10.1.0.8"], "203.0.113.9"),
            (["10.1.0.7"], "10.1.0.7"),
            (["203.0.113.9:4711"], "203.0.113.9"),
            (["2001:db8:1::9"], "2001:db8:1::9"),
            (["[2001:DB8:1:0::9]:4711"], "2001:db8:1::9"),
            (["[2001:db8:1::9]"], "2001:db8:1::9"),
            (["::ffff:203.0.113.9"], "203.0.113.9"),
            (["203.0.113.9, 2001:db8:7::1"], "203.0.113.9"),
            ([], PROXY),
            ([""], PROXY),
            (["unknown"], PROXY),
            (["203.0.113.9, "], PROXY),
            (["203.0.113.9, nobody, 10.1.0.7"], "10.1.0.7"),
            (["110101199003070134"], PROXY),
            (["fe80::1%110101199003070134"], PROXY),
            (["张三"], PROXY),
            (["localhost"], PROXY),
            (["1.2.3"], PROXY),
            (["001.002.003.004"], PROXY),
            (["0x7f.1"], PROXY),
            (["1.2.3.4 5.6.7.8"], PROXY),
            (["'; DROP TABLE"], PROXY),
        ],
    )
    async def test_the_last_address_that_is_none_of_ours(self, values: list[str], client: str) -> None:
        assert (await seen(PROXY, *forwarded(*values)))[0] == client

    async def test_so_many_hops_and_no_more(self) -> None:
        hops = ", ".join(["10.1.0.7"] * HOPS_MAX)
        assert (await seen(PROXY, *forwarded(f"203.0.113.9, {hops}")))[0] == "10.1.0.7"
        assert (await seen(PROXY, *forwarded(f"203.0.113.9, {hops[10:]}")))[0] == "203.0.113.9"

    @pytest.mark.parametrize(
        ("values", "scheme"),
        [(["https"], "https"), (["HTTPS"], "https"), (["https", "http"], "http"), (["wss"], "http"), ([""], "http")],
    )
    async def test_the_scheme_that_the_nearest_saw(self, values: list[str], scheme: str) -> None:
        headers = [("X-Forwarded-Proto", value) for value in values]
        assert (await seen(PROXY, *headers))[1] == scheme


@given(st.text(max_size=40) | st.from_regex(r"[0-9a-f:.\[\]%]{1,40}"))
def test_an_address_has_only_what_addresses_have(text: str) -> None:
    address = literal(text)
    assert address is None or set(str(address)) <= set("0123456789abcdef.:")
