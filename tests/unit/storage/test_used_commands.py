"""A person's command is used once: by one update of one run, before it expires."""

import asyncio
from datetime import datetime

import pytest

from domain.reviews import CommandVerdict
from storage.callers.commands import UsedBy
from storage.session import Database
from tests.support.values.records import AT, later

V = CommandVerdict
FIRST = UsedBy(workflow_id="payment-main-M1", update_id="approve-1", run_id="run-1")
EXPIRES = later(60)


async def use(database: Database, by: UsedBy = FIRST, now: datetime = AT, number: str = "n") -> CommandVerdict:
    async with database.begin() as unit:
        return await unit.commands.use(number, by, now, EXPIRES)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, V.ACCEPTED),
        ({"update_id": "approve-2"}, V.USED_BEFORE),
        ({"update_id": "approve-2", "run_id": "run-2"}, V.USED_BEFORE),
        ({"run_id": "run-2"}, V.RESET),
        ({"workflow_id": "payment-main-M2"}, V.USED_BEFORE),
    ],
)
async def test_is_told_the_same_update_again_and_no_other(
    database: Database, changes: dict[str, str], verdict: CommandVerdict
) -> None:
    assert await use(database) is V.ACCEPTED
    again = FIRST.model_copy(update=changes)
    assert [await use(database, again), await use(database, again, later(3_600))] == [verdict] * 2
    assert await use(database) is V.ACCEPTED


async def test_expires_unused(database: Database) -> None:
    assert [await use(database, now=later(at)) for at in (60, 61)] == [V.EXPIRED] * 2
    assert await use(database, now=later(59)) is V.ACCEPTED


async def test_of_many_at_once_one_gets_it(database: Database) -> None:
    rivals = [FIRST.model_copy(update={"update_id": f"approve-{at}"}) for at in range(8)]
    verdicts = await asyncio.gather(*(use(database, rival) for rival in rivals))
    assert sorted(verdicts) == [V.ACCEPTED] + [V.USED_BEFORE] * 7


@pytest.mark.parametrize("update_id", ["\0", "\ud800", "x" * 5_000, "张三"])
async def test_an_update_s_id_may_be_anything(database: Database, update_id: str) -> None:
    odd = FIRST.model_copy(update={"update_id": update_id})
    assert [await use(database, odd), await use(database, odd)] == [V.ACCEPTED] * 2
    assert await use(database) is V.USED_BEFORE


async def test_is_forgotten_long_after(database: Database) -> None:
    await use(database)
    await use(database, number="later", now=later(30))
    async with database.begin() as unit:
        assert await unit.commands.forget(later(10)) == 1
    assert await use(database, now=later(90)) is V.EXPIRED
    assert await use(database, number="later", now=later(90)) is V.ACCEPTED


async def test_a_session_is_ended_once_and_forgotten_after_its_time(database: Database) -> None:
    async with database.begin() as unit:
        assert [await unit.ended_sessions.end("s", EXPIRES) for _ in range(2)] == [True, False]
        assert await unit.ended_sessions.has_ended("s")
        assert not await unit.ended_sessions.has_ended("other")
        assert [await unit.ended_sessions.forget(later(at)) for at in (60, 61)] == [0, 1]
        assert not await unit.ended_sessions.has_ended("s")
