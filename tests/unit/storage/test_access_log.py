import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from security.access_log import EMPTY, Access, AccessEvent, Break, ChainCheck, Head, Link
from security.crypto.keyring import Keyring
from storage.evidence.access_log import PAGE_ROWS
from storage.session import Database
from storage.sql.engines import open_engines

READ = Access(AccessEvent.API_PAYMENT_READ, "main", "张三的钥匙", "operator", "main/M1", {"answer": "OK"})
TRIGGERS = {
    "sqlite": ["DROP TRIGGER access_log_no_update", "DROP TRIGGER access_log_no_delete"],
    "postgresql": ["DROP TRIGGER access_log_no_change ON access_log"],
}
CHANGES = {
    "changed": "UPDATE access_log SET actor = 'somebody' WHERE sequence = 3",
    "removed": "DELETE FROM access_log WHERE sequence = 3",
    "moved": "UPDATE access_log SET sequence = 9 WHERE sequence = 3",
    "inserted": (
        "INSERT INTO access_log SELECT 6, at, event, hospital, actor, role, subject, details, previous, digest "
        "FROM access_log WHERE sequence = 5"
    ),
}
WRITER = """
import asyncio, sys
from pathlib import Path
from security.access_log import Access, AccessEvent
from security.crypto.keyring import Keyring
from storage.session import Database

async def main(url, keyring, name, writes):
    async with Database(url, Keyring.load(Path(keyring))) as database:
        for number in range(int(writes)):
            async with database.begin() as unit:
                await unit.access.append(Access(AccessEvent.API_PAYMENT_READ, "main", name, "operator", str(number)))

asyncio.run(main(*sys.argv[1:]))
"""


async def append(database: Database, times: int = 1) -> Head:
    async with database.begin() as unit:
        return (await unit.access.append_all([READ] * times))[-1]


async def checked(database: Database) -> tuple[Break | None, Head]:
    check = ChainCheck()
    async with database.read() as unit:
        async for link, digest in unit.access.records():
            if broken := check.broken_by(link, digest):
                return broken, check.head
    return None, check.head


async def links(database: Database) -> list[Link]:
    async with database.read() as unit:
        return [link async for link, _ in unit.access.records()]


@pytest.fixture
async def forger(records_url: str, dialect: str) -> AsyncIterator["Forger"]:
    forger = Forger(records_url, dialect)
    yield forger
    await forger.engines.dispose()


class Forger:
    """Somebody who owns the database."""

    def __init__(self, url: str, dialect: str) -> None:
        self.engines = open_engines(url)
        self._dialect = dialect

    async def does(self, statement: str) -> None:
        async with self.engines.writer.begin() as connection:
            await connection.execute(text(statement))

    async def removes_the_triggers(self) -> None:
        for statement in TRIGGERS[self._dialect]:
            await self.does(statement)


class TestAppend:
    async def test_each_record_follows_the_one_before(self, database: Database) -> None:
        heads = [await append(database), await append(database, 2), await append(database)]
        assert [head.sequence for head in heads] == [1, 3, 4]
        assert await checked(database) == (None, heads[-1])

    async def test_what_is_stored_says_who_what_and_when(self, database: Database) -> None:
        before = datetime.now(UTC)
        await append(database)
        (link,) = await links(database)
        assert (link.event, link.hospital, link.actor, link.role) == (
            "api:payment:read",
            "main",
            "张三的钥匙",
            "operator",
        )
        assert (link.subject, link.details) == ("main/M1", '{"answer":"OK"}')
        assert before <= datetime.fromisoformat(link.at) <= datetime.now(UTC)

    async def test_an_empty_log_has_the_empty_head(self, database: Database) -> None:
        async with database.read() as unit:
            assert await unit.access.head() == EMPTY

    async def test_a_log_of_several_pages_is_read_in_order(self, database: Database) -> None:
        head = await append(database, PAGE_ROWS + 1)
        assert await checked(database) == (None, head)
        assert head.sequence == PAGE_ROWS + 1

    async def test_texts_that_the_database_cannot_hold_are_stored_as_near_as_they_can_be(
        self, database: Database
    ) -> None:
        odd = Access(AccessEvent.API_KEY_REFUSED, "", "a\0b\ud800", "", "x" * 900, {"odd": "\0\ud800"})
        async with database.begin() as unit:
            head = await unit.access.append(odd)
        assert await checked(database) == (None, head)
        assert (await links(database))[0].actor == "a�b?"

    async def test_a_transaction_that_is_taken_back_leaves_no_gap(self, database: Database) -> None:
        await append(database)

        async def fail() -> None:
            async with database.begin() as unit:
                await unit.access.append(READ)
                raise InterruptedError

        with pytest.raises(InterruptedError):
            await fail()
        head = await append(database)
        assert head.sequence == 2
        assert await checked(database) == (None, head)


class TestWriters:
    async def test_many_at_once_in_one_process_make_one_chain(self, database: Database) -> None:
        await asyncio.gather(*(append(database) for _ in range(30)))
        broken, head = await checked(database)
        assert (broken, head.sequence) == (None, 30)

    async def test_several_processes_at_once_make_one_chain(
        self, database: Database, records_url: str, keyring: Keyring, tmp_path: Path
    ) -> None:
        keyring.save(tmp_path / "keyring.json")
        arguments = (records_url, str(tmp_path / "keyring.json"))
        writers = [
            await asyncio.create_subprocess_exec(sys.executable, "-c", WRITER, *arguments, f"writer {number}", "25")
            for number in range(4)
        ]
        assert [await writer.wait() for writer in writers] == [0] * 4
        broken, head = await checked(database)
        assert (broken, head.sequence) == (None, 100)
        assert {link.actor for link in await links(database)} == {f"writer {number}" for number in range(4)}


class TestTampering:
    @pytest.mark.parametrize("kind", CHANGES)
    async def test_it_is_found(self, database: Database, forger: Forger, kind: str) -> None:
        await append(database, 5)
        await forger.removes_the_triggers()
        await forger.does(CHANGES[kind])
        broken, _ = await checked(database)
        assert broken is not None
        assert broken.sequence == {"changed": 3, "removed": 4, "moved": 4, "inserted": 6}[kind]

    async def test_the_database_refuses_it_at_first(self, database: Database, forger: Forger) -> None:
        head = await append(database, 5)
        for kind in ("changed", "removed", "moved"):
            with pytest.raises(DBAPIError, match="append-only"):
                await forger.does(CHANGES[kind])
        assert await checked(database) == (None, head)
