"""A centre that hangs concerns its own hospital's calls to it, and nobody else's."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from domain.errors import NotSent, Unknown
from domain.insurance import OrderStatus, PlacedOrder
from gateways.breaker import FAILURES_MAX, PAUSE_S_MIN, BreakerState
from gateways.gate import Party
from gateways.http import HttpCaller
from hospitals import Hospital
from security.keys.provider import LocalKeys
from settings import Settings
from tests.support.parties.centre_stub import centre_stub
from tests.support.parties.odd_server import odd_server
from tests.support.parties.raw_server import RawServer, raw_server
from tests.support.values import centres
from tests.support.values.centres import PLACEMENT, REFERENCE
from tests.support.waiting import until
from worker import make_gates, make_gateways

CALLS = 130
LET_THROUGH = 30
"""Three quarters of MEDPAY_CALLS_AT_ONCE_MAX."""

AT_ONCE_S = 20.0
"""Long for a busy machine, short beside the 60 s that the calls hang."""

PLACED = {
    "payOrdId": "ORD1",
    "ordStas": "1",
    "feeSumamt": "128.50",
    "ownPayAmt": "25.70",
    "psnAcctPay": "25.70",
    "fundPay": "77.10",
}


class City:
    """Hospital a, whose centre is silent, and b, whose centre answers; one HIS for both. Put together by the worker."""

    def __init__(self, http: HttpCaller, silent: RawServer, hospitals: Mapping[str, Hospital]) -> None:
        self.silent = silent
        settings = Settings()
        self.gates = make_gates(http, settings, hospitals)
        self._centres, self._systems = make_gateways(self.gates, settings, hospitals, LocalKeys(Path("none")))

    async def place_order(self, hospital: str) -> PlacedOrder:
        return await self._centres[hospital].place_order(PLACEMENT)

    async def query_order(self, hospital: str) -> OrderStatus:
        return await self._centres[hospital].query_order(REFERENCE)

    async def visit_patient(self, hospital: str) -> str:
        return await self._systems[hospital].visit_patient("V1")

    def breakers(self, party: Party, hospital: str) -> dict[str, BreakerState]:
        return {shown.transaction: shown.state for shown in self.gates[party, hospital].states()}

    @asynccontextmanager
    async def hanging(self) -> AsyncIterator[list[asyncio.Task[PlacedOrder]]]:
        """`CALLS` times 6202 of hospital a at once; the block begins when all have left that may leave."""
        calls = [asyncio.create_task(self.place_order("a")) for _ in range(CALLS)]
        await until(lambda: len(self.silent.requests) == LET_THROUGH)
        await until(lambda: sum(call.done() for call in calls) == CALLS - LET_THROUGH)
        try:
            yield calls
        finally:
            for call in calls:
                call.cancel()
            await asyncio.wait(calls)


@asynccontextmanager
async def city(hang_s: float = 60) -> AsyncIterator[City]:
    """`hang_s`: how long a call to the silent centre is waited for."""
    async with raw_server() as silent, centre_stub() as (centre, _), odd_server() as his, HttpCaller() as http:
        centre.data = PLACED
        his.answer = {"CODE": 0, "DATA": {"PATIENT_ID": "100001"}}
        timeouts_s = dict.fromkeys(("6202", "6301"), hang_s)
        profiles = {"a": centres.profile(silent.url, timeouts_s=timeouts_s), "b": centres.profile(centre.url)}
        account = centres.ACCOUNT.model_dump()
        hospitals = {
            name: Hospital(id=name, centre=each, his_url=his.url, **account) for name, each in profiles.items()
        }
        yield City(http, silent, hospitals)


class TestWhileItHangs:
    async def test_what_finds_no_slot_has_not_been_sent_and_is_told_when_to_try_again(self) -> None:
        async with city() as town, town.hanging() as calls:
            ended = [call.exception() for call in calls if call.done()]
            assert {type(error) for error in ended} == {NotSent}
            waits_s = [error.retry_after_s for error in ended if isinstance(error, NotSent)]
            assert all(wait_s is not None and 0.5 <= wait_s < 10 for wait_s in waits_s)
            assert len(set(waits_s)) > len(waits_s) / 2

    async def test_another_hospital_pays_at_once(self) -> None:
        async with city() as town, town.hanging(), asyncio.timeout(AT_ONCE_S):
            placed = await asyncio.gather(*(town.place_order("b") for _ in range(20)))
            assert {order.pay_ord_id for order in placed} == {"ORD1"}

    async def test_its_own_his_answers_at_once(self) -> None:
        async with city() as town, town.hanging(), asyncio.timeout(AT_ONCE_S):
            assert await asyncio.gather(*(town.visit_patient("a") for _ in range(20))) == ["100001"] * 20

    async def test_the_question_about_the_order_still_leaves(self) -> None:
        async with city() as town, town.hanging():
            question = asyncio.create_task(town.query_order("a"))
            await until(lambda: len(town.silent.requests) > LET_THROUGH)
            assert len(town.silent.requests) == LET_THROUGH + 1
            question.cancel()
            await asyncio.wait([question])


class TestWhenItHasHung:
    async def test_the_breaker_keeps_further_calls_back_and_its_state_is_shown(self) -> None:
        async with city(hang_s=3) as town:
            calls = (town.place_order("a") for _ in range(FAILURES_MAX))
            hung = await asyncio.gather(*calls, return_exceptions=True)
            assert [isinstance(error, Unknown) and error.answered for error in hung] == [False] * FAILURES_MAX
            with pytest.raises(NotSent, match="暂停调用") as caught:
                await town.place_order("a")
            assert 0 < (caught.value.retry_after_s or 0) <= 1.25 * PAUSE_S_MIN
            assert len(town.silent.requests) == FAILURES_MAX
            assert town.breakers(Party.CENTRE, "a") == {"6202": BreakerState.OPEN}
            assert (await town.place_order("b")).ord_stas == 1
            assert town.breakers(Party.CENTRE, "b") == {"6202": BreakerState.CLOSED}
