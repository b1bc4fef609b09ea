"""The number of an update moves on once for each answer, whoever received it."""

from datetime import UTC, datetime, timedelta

from storage.session import Database
from tests.support.values.records import later

NAME = "settle-digest"


async def current(database: Database, name: str = NAME, workflow_id: str = "payment-main-M1") -> int:
    async with database.read() as unit:
        return await unit.update_numbers.current(workflow_id, name)


async def answered(database: Database, number: int, seconds: int = 0) -> None:
    async with database.begin() as unit:
        await unit.update_numbers.answered("payment-main-M1", NAME, number, later(seconds))


async def test_it_moves_once_for_each_answer(database: Database) -> None:
    assert await current(database) == 0
    for _ in range(2):
        await answered(database, 0)
        assert await current(database) == 1
    await answered(database, 1)
    for late in (0, 1):
        await answered(database, late)
    assert await current(database) == 2


async def test_it_is_the_requests_own(database: Database) -> None:
    await answered(database, 0)
    assert (await current(database, "settle-other"), await current(database, workflow_id="payment-main-M2")) == (0, 0)


async def test_it_is_forgotten_in_time(database: Database) -> None:
    await answered(database, 0, seconds=1)
    async with database.begin() as unit:
        assert await unit.update_numbers.forget(later(1)) == 0
        assert await unit.update_numbers.forget(later(2)) == 1
    assert await current(database) == 0


async def test_a_probe_leaves_nothing(database: Database) -> None:
    await database.check_writable()
    async with database.begin() as unit:
        assert await unit.update_numbers.forget(datetime.now(UTC) + timedelta(hours=1)) == 0
