"""A nonce is new once, to one key."""

import asyncio
from datetime import datetime

from storage.session import Database
from tests.support.values.records import AT, later


async def use(database: Database, nonce: str, key: tuple[str, str] = ("main", "key"), until: datetime = AT) -> bool:
    async with database.begin() as unit:
        return await unit.nonces.use(*key, nonce, until)


async def test_is_new_once(database: Database) -> None:
    assert [await use(database, "n") for _ in range(3)] == [True, False, False]


async def test_is_a_key_s_own(database: Database) -> None:
    keys = (("main", "key"), ("main", "other"), ("west", "key"))
    assert [await use(database, "n", key) for key in keys] == [True] * 3


async def test_is_new_to_one_of_many_at_once(database: Database) -> None:
    assert sorted(await asyncio.gather(*(use(database, "n") for _ in range(8)))) == [False] * 7 + [True]


async def test_is_forgotten_after_its_time(database: Database) -> None:
    await use(database, "old", until=AT)
    await use(database, "new", until=later(10))
    async with database.begin() as unit:
        assert await unit.nonces.forget(later(5)) == 1
    assert await use(database, "old")
    assert not await use(database, "new")
