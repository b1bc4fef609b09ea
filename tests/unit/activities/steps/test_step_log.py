"""A change is made once: whoever takes its step again gets its result, on whatever attempt and worker."""

import asyncio

import pytest
from temporalio.exceptions import ApplicationError

from activities.contract.his import Booking
from domain.states import PaymentState
from tests.support.stack.recorded import reach
from tests.support.stack.stepping import database_time, finds_row_moved
from tests.support.values.records import later
from tests.support.waiting import eventually
from tests.unit.activities.steps.at_his import ORDER, REGISTER, AtHis, register_step

S = PaymentState
DONE = (REGISTER.name, 1, "done")


async def leaves(at_his: AtHis, seconds: float = 0.5) -> asyncio.Task[Booking]:
    """A registration that is at HIS and takes so long."""
    await at_his.simulator.fault("register", "delay", seconds=seconds)
    begun = asyncio.create_task(at_his.register())

    async def is_logged() -> bool:
        return await at_his.logged() == [("register", None)]

    await eventually(is_logged)
    return begun


class TestAResult:
    async def test_is_adopted_by_whoever_takes_the_step_again(self, at_his: AtHis) -> None:
        made = await at_his.register()
        assert made.visit_id
        assert await at_his.register() == await at_his.register(worker=at_his.another()) == made
        assert await at_his.calls() == ["register"]
        assert await at_his.steps() == [DONE]

    async def test_is_of_one_number_only(self, at_his: AtHis) -> None:
        await at_his.register()
        await at_his.register(register_step(number=2))
        assert (await at_his.calls()).count("register") == 2

    async def test_about_something_else_is_none_of_ours(self, at_his: AtHis) -> None:
        await at_his.register()
        known = await finds_row_moved(at_his.worker.register, register_step(visit_id="V77"))
        assert (known.state, known.steps) == (S.REGISTERED, {REGISTER.name: 1})
        assert await at_his.calls() == ["register"]

    @pytest.mark.parametrize("kind", ["drop_before", "drop_after", "garbage", "http_500"])
    async def test_is_not_what_nobody_knows(self, at_his: AtHis, kind: str) -> None:
        await at_his.simulator.fault("register", kind)
        with pytest.raises(ApplicationError) as unknown:
            await at_his.register()
        assert (unknown.value.type, unknown.value.non_retryable) == ("unknown", False)
        assert await at_his.steps() == []

    async def test_that_is_erased_leads_to_the_row(self, at_his: AtHis) -> None:
        """The payment has ended since: what its steps found is not there any more."""
        await at_his.register()
        async with at_his.database.begin() as unit:
            await reach(unit, ORDER, S.SETTLED, revision=100)
        assert (await finds_row_moved(at_his.worker.register, register_step())).state is S.SETTLED


class TestARefusal:
    async def test_is_a_result_like_any_other(self, at_his: AtHis) -> None:
        await at_his.simulator.fault("register", "refuse", message="科室已停诊")
        for worker in (at_his.worker, at_his.worker, at_his.another()):
            with pytest.raises(ApplicationError) as refused:
                await at_his.register(worker=worker)
            assert (refused.value.type, refused.value.message) == ("HIS_REFUSED", "科室已停诊")
            assert refused.value.non_retryable
        assert await at_his.calls() == ["register"]
        assert await at_his.steps() == [(REGISTER.name, 1, "refused")]


class TestARowElsewhere:
    @pytest.mark.parametrize(
        "way",
        [(S.SETTLED,), (S.REVERSING,), (S.REVERSED,), (S.IN_REVIEW,), (S.IN_REVIEW, S.CANCELLED)],
        ids=lambda way: str(way[-1]),
    )
    async def test_is_followed_before_anything_is_sent(self, at_his: AtHis, way: tuple[PaymentState, ...]) -> None:
        async with at_his.database.begin() as unit:
            await reach(unit, ORDER, *way, revision=50)
        known = await finds_row_moved(at_his.worker.register, register_step())
        assert (known.state, known.end.state) == (way[-1], way[-1])
        assert (await at_his.calls(), await at_his.logged(), await at_his.steps()) == ([], [], [])

    async def test_while_the_call_is_away_leaves_the_call_logged_as_done(self, at_his: AtHis) -> None:
        begun = await leaves(at_his)
        async with at_his.database.begin() as unit:
            await reach(unit, ORDER, S.IN_REVIEW, S.REVERSING, S.REVERSED, revision=100)
        with pytest.raises(ApplicationError) as moved:
            await begun
        assert moved.value.type == "MOVED"
        assert (await at_his.logged(), await at_his.steps()) == ([("register", "done")], [])


class TestTwoAtOnce:
    async def test_in_one_process_are_one_call(self, at_his: AtHis) -> None:
        await at_his.simulator.fault("register", "delay", seconds=0.2)
        first, second = await asyncio.gather(at_his.register(), at_his.register())
        assert first == second
        assert await at_his.calls() == ["register"]

    async def test_in_two_processes_are_one_call(self, at_his: AtHis) -> None:
        begun = await leaves(at_his, seconds=1)
        with pytest.raises(ApplicationError) as unknown:
            await at_his.register(worker=at_his.another())
        made = await begun
        assert (unknown.value.type, unknown.value.message) == ("unknown", "earlier call may still arrive")
        assert (await at_his.calls()).count("register") == 1
        assert await at_his.register(worker=at_his.another()) == made

    async def test_the_one_that_is_overtaken_adopts(self, at_his: AtHis) -> None:
        """Its call took longer than a call can take, by the database's clock; its answer comes all the same."""
        begun = await leaves(at_his, seconds=1)
        with database_time(later(10**9)):
            made = await at_his.register(worker=at_his.another())
        assert await begun == made
        assert await at_his.steps() == [DONE]
        assert await at_his.logged() == [("register", "done")] * 2


class TestACallInFlight:
    async def test_is_joined_when_whoever_began_it_is_given_up(self, at_his: AtHis) -> None:
        begun = await leaves(at_his)
        begun.cancel()
        await asyncio.wait([begun])
        assert begun.cancelled()
        assert (await at_his.register()).visit_id
        assert (await at_his.calls(), await at_his.logged()) == (["register"], [("register", "done")])

    async def test_is_awaited_before_the_database_closes(self, at_his: AtHis) -> None:
        begun = await leaves(at_his)
        begun.cancel()
        await at_his.call_log.steps.drained()
        assert (await at_his.logged(), await at_his.steps()) == ([("register", "done")], [DONE])
