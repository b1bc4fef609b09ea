import asyncio
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError, OperationalError

from domain.base import PaymentKey
from domain.states import PaymentState
from security.crypto.keyring import Keyring
from storage.session import Database
from tests.support.stack.database import rows
from tests.support.values.orders import outpatient
from tests.support.values.records import AT, key_of
from tests.support.waiting import WAIT_S_MAX, eventually

ORDER = outpatient("TX1")
KEY = key_of(ORDER)
WRITER = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from domain.base import PaymentKey
from security.crypto.keyring import Keyring
from storage.session import Database

async def main(url, keyring, name, writes):
    async with Database(url, Keyring.load(Path(keyring))) as database:
        for _ in range(int(writes)):
            async with database.begin() as unit:
                await unit.calls.begin(PaymentKey(hospital="main", med_org_ord="TX1"), name, datetime.now(UTC))

asyncio.run(main(*sys.argv[1:]))
"""


async def receive(database: Database) -> None:
    async with database.begin() as unit:
        await unit.payments.receive(ORDER, AT)
        await unit.payments.record(KEY, 1, AT, state=PaymentState.RECEIVED)


async def is_there(database: Database, key: PaymentKey = KEY) -> bool:
    async with database.read() as unit:
        return await unit.payments.find(key) is not None


class TestBegin:
    async def test_an_exception_takes_everything_back(self, database: Database) -> None:
        async def write_and_fail() -> None:
            async with database.begin() as unit:
                await unit.payments.receive(ORDER, AT)
                await unit.payments.record(KEY, 1, AT, state=PaymentState.RECEIVED)
                raise InterruptedError

        with pytest.raises(InterruptedError):
            await write_and_fail()
        assert not await is_there(database)

    async def test_a_cancelled_writer_takes_everything_back_and_lets_others_in(self, database: Database) -> None:
        written = asyncio.Event()

        async def write_for_ever() -> None:
            async with database.begin() as unit:
                await unit.payments.receive(ORDER, AT)
                await unit.payments.record(KEY, 1, AT, state=PaymentState.RECEIVED)
                written.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(write_for_ever())
        await written.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not await is_there(database)
        await receive(database)
        assert await is_there(database)

    async def test_writers_cancelled_at_any_moment_leave_a_database_that_works(self, database: Database) -> None:
        await receive(database)
        for moment in range(60):
            task = asyncio.create_task(self._call(database))
            await asyncio.wait({task}, timeout=moment * 0.0001)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            # A lock that was left behind would hold the next writer up for ever.
            async with asyncio.timeout(WAIT_S_MAX):
                await self._call(database)
        found = await rows(database._engines.reader, "SELECT count(*) AS calls FROM call_log")
        assert 60 <= found[0]["calls"] <= 120

    async def _call(self, database: Database) -> None:
        async with database.begin() as unit:
            await unit.calls.begin(KEY, "6201", AT)


class TestRead:
    async def test_nothing_can_be_written(self, database: Database) -> None:
        with pytest.raises(DBAPIError, match=r"readonly|read-only"):
            async with database.read() as unit:
                await unit.payments.receive(ORDER, AT)
        await receive(database)
        assert await is_there(database)

    async def test_everything_read_is_of_the_same_moment(self, database: Database) -> None:
        async with database.read() as unit:
            assert await unit.payments.find(KEY) is None
            await receive(database)
            assert await unit.payments.find(KEY) is None
            assert await unit.timeline.of_payment(KEY) == []
        assert await is_there(database)

    async def test_readers_do_not_wait_for_a_writer(self, database: Database) -> None:
        async with database.begin() as unit:
            await unit.payments.receive(ORDER, AT)
            await unit.payments.record(KEY, 1, AT, state=PaymentState.RECEIVED)
            assert not await is_there(database)
        assert await is_there(database)

    async def test_many_readers_at_once(self, database: Database) -> None:
        await receive(database)
        assert await asyncio.gather(*(is_there(database) for _ in range(50))) == [True] * 50


class TestProcesses:
    async def test_three_processes_write_at_once(
        self, database: Database, records_url: str, keyring: Keyring, tmp_path: Path
    ) -> None:
        await receive(database)
        keyring.save(tmp_path / "keyring.json")
        arguments = (sys.executable, "-W", "error", "-c", WRITER, records_url, str(tmp_path / "keyring.json"))
        writers = [
            await asyncio.create_subprocess_exec(*arguments, name, "100", stderr=asyncio.subprocess.PIPE)
            for name in ("one", "two", "three")
        ]
        endings = await asyncio.gather(*(writer.communicate() for writer in writers))
        assert [(writer.returncode, error) for writer, (_, error) in zip(writers, endings, strict=True)] == [
            (0, b"")
        ] * 3
        async with database.read() as unit:
            counts = [await unit.calls.count(KEY, name) for name in ("one", "two", "three")]
        assert counts == [100, 100, 100]


class TestOpenAndClose:
    async def test_closing_leaves_no_thread(self, records_url: str, keyring: Keyring) -> None:
        before = set(threading.enumerate())
        async with Database(records_url, keyring) as database:
            await receive(database)
            await asyncio.gather(*(is_there(database) for _ in range(5)))

        async def only_those_before() -> bool:
            return set(threading.enumerate()) <= before

        await eventually(only_those_before)
        assert set(threading.enumerate()) <= before

    async def test_a_database_that_cannot_be_opened_is_told_at_the_start(self, keyring: Keyring) -> None:
        with pytest.raises(OperationalError):
            await Database("sqlite:////nonexistent/folder/records.db", keyring).__aenter__()
        with pytest.raises(OSError, match="Connect"):
            await Database("postgresql+asyncpg://nobody:PASSWORD@127.0.0.1:9/none", keyring).__aenter__()
