"""How many calls a gate lets through at once, and what it says of those that it doesn't; over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Iterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from domain.errors import NotSent, Unknown
from gateways.breaker import FAILURES_MAX, RETRY_S_MIN, BreakerState
from gateways.gate import Gate, Party
from gateways.http import HttpCaller, JsonReply
from tests.support.parties.raw_server import HANG_UP, RawServer, http_reply, raw_server
from tests.support.waiting import until

DONE = http_reply(b'{"code": 0}')


@pytest.fixture
async def gate() -> AsyncIterator[Gate]:
    async with HttpCaller() as http:
        yield Gate(http, Party.CENTRE, "main", 8)


@pytest.fixture
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    with capture_logs() as lines:
        yield lines


async def call(gate: Gate, peer: RawServer, transaction: str = "6202", timeout_s: float = 60) -> JsonReply:
    return await gate.post_json(transaction, peer.url, {}, timeout_s)


@asynccontextmanager
async def hanging(gate: Gate, peer: RawServer, *transactions: str) -> AsyncIterator[None]:
    """One call of each of `transactions` is under way within the block."""
    before = len(peer.requests)
    calls = [asyncio.create_task(call(gate, peer, transaction)) for transaction in transactions]
    await until(lambda: len(peer.requests) == before + len(calls))
    try:
        yield
    finally:
        for each in calls:
            each.cancel()
        await asyncio.wait(calls)


async def held_back(gate: Gate, peer: RawServer, transaction: str = "6202") -> float:
    """When to try again, in seconds, as the gate says without asking the peer."""
    asked = len(peer.requests)
    with pytest.raises(NotSent, match="请求未发出") as caught:
        await call(gate, peer, transaction)
    assert len(peer.requests) == asked
    assert caught.value.retry_after_s is not None
    return caught.value.retry_after_s


class TestBulkhead:
    async def test_one_transaction_gets_three_quarters(self, gate: Gate) -> None:
        async with raw_server() as peer, hanging(gate, peer, *["6202"] * 6):
            assert await held_back(gate, peer) > 0
            async with hanging(gate, peer, "6301", "6301"):
                assert await held_back(gate, peer, "6301") > 0
                assert await held_back(gate, peer, "6401") > 0

    async def test_a_slot_is_free_again_when_its_call_has_ended(self, gate: Gate) -> None:
        async with raw_server() as peer:
            for _ in range(3):
                async with hanging(gate, peer, *["6202"] * 6):
                    assert await held_back(gate, peer) > 0

    async def test_a_call_that_fails_frees_its_slot_too(self, gate: Gate) -> None:
        async with raw_server(*[http_reply(b"", "500 Internal Server Error")] * 20) as peer:
            for _ in range(20):
                with pytest.raises(Unknown):
                    await call(gate, peer)

    async def test_who_finds_no_room_comes_back_when_the_oldest_has_waited_as_long_again(self) -> None:
        now_s = 1000.0
        async with HttpCaller() as http, raw_server() as peer:
            gate = Gate(http, Party.CENTRE, "main", 8, clock=lambda: now_s)
            async with hanging(gate, peer, *["6202"] * 6):
                assert RETRY_S_MIN <= await held_back(gate, peer) <= 1.25 * RETRY_S_MIN
                now_s += 3
                assert 3 <= await held_back(gate, peer) <= 3.75
                now_s += 30
                assert 5 <= await held_back(gate, peer) <= 6.25

    async def test_another_partys_gate_is_not_concerned(self, gate: Gate) -> None:
        async with raw_server() as peer, raw_server(DONE) as other, hanging(gate, peer, *["6202"] * 6):
            await held_back(gate, peer)
            async with HttpCaller() as http:
                assert (await call(Gate(http, Party.HIS, "main", 8), other)).ok

    async def test_that_it_is_full_is_logged_once(self, gate: Gate, logged: list[MutableMapping[str, Any]]) -> None:
        async with raw_server() as peer:
            for _ in range(2):
                async with hanging(gate, peer, *["6202"] * 6):
                    for _ in range(5):
                        await held_back(gate, peer)
        line = {"event": "gate_full", "log_level": "warning", "party": "centre", "hospital": "main"}
        assert logged == [{**line, "transaction": "6202"}] * 2


class TestBreaker:
    async def test_it_is_of_one_transaction(self, gate: Gate) -> None:
        async with raw_server(*[HANG_UP] * FAILURES_MAX, DONE) as peer:
            await self._open(gate, peer)
            assert await held_back(gate, peer) >= 5
            assert (await call(gate, peer, "6301")).ok

    async def test_a_gateway_without_its_system_counts_as_silence(self, gate: Gate) -> None:
        async with raw_server(*[http_reply(b"{}", "503 Service Unavailable")] * FAILURES_MAX) as peer:
            await self._open(gate, peer)

    async def test_its_states_are_shown_and_logged(self, gate: Gate, logged: list[MutableMapping[str, Any]]) -> None:
        async with raw_server(DONE, *[HANG_UP] * FAILURES_MAX) as peer:
            assert gate.states() == []
            await call(gate, peer, "6301")
            await self._open(gate, peer)
        shown = {state.transaction: state for state in gate.states()}
        assert {name: state.state for name, state in shown.items()} == {
            "6301": BreakerState.CLOSED,
            "6202": BreakerState.OPEN,
        }
        assert (shown["6202"].party, shown["6202"].hospital) == (Party.CENTRE, "main")
        assert shown["6202"].since > shown["6301"].since
        line = {"event": "breaker_changed", "log_level": "warning", "party": "centre", "hospital": "main"}
        assert logged == [{**line, "transaction": "6202", "state": "open", "pause_s": 5.0}]

    async def _open(self, gate: Gate, peer: RawServer) -> None:
        for _ in range(FAILURES_MAX):
            with pytest.raises(Unknown):
                await call(gate, peer)
        await held_back(gate, peer)
