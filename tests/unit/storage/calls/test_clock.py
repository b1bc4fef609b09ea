"""All workers go by one clock, the database's, however wrong their machines' clocks are."""

from datetime import UTC, datetime, timedelta, tzinfo

import pytest
from temporalio.exceptions import ApplicationError

from activities.call_log import CallLog, Repeat, nothing_to_ask
from domain.errors import Transaction, Unknown
from domain.states import PaymentState
from security.crypto.keyring import Keyring
from storage.session import Database
from tests.support.stack.database import rows
from tests.support.stack.recorded import reach
from tests.support.stack.stepping import activity_of, database_time
from tests.support.values.orders import outpatient
from tests.support.values.records import AT, key_of, later
from tests.unit.activities.steps.at_his import register_step

WRONG_BY = timedelta(hours=3)


class _WrongClock:
    """A machine whose clock is ahead."""

    @staticmethod
    def now(zone: tzinfo) -> datetime:
        return datetime.now(zone) + WRONG_BY


@pytest.fixture
def wrong_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.sql.clock.datetime", _WrongClock)


async def now(database: Database) -> datetime:
    async with database.read() as unit:
        return await unit.now()


async def test_it_is_aware_and_goes_on_within_a_transaction(database: Database) -> None:
    async with database.read() as unit:
        first, second = await unit.now(), await unit.now()
    assert first.tzinfo is not None
    assert first < second
    assert abs(second - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.usefixtures("wrong_machine")
async def test_a_machines_own_clock_is_not_asked_where_there_is_a_server(database: Database, dialect: str) -> None:
    """SQLite has no other clock than its machine's, which all its processes share."""
    ahead = await now(database) - datetime.now(UTC)
    assert abs(ahead - (WRONG_BY if dialect == "sqlite" else timedelta(0))) < timedelta(minutes=1)


async def test_a_test_may_set_it(database: Database) -> None:
    with database_time(AT):
        assert await now(database) == AT
    assert await now(database) > AT


async def send(database: Database) -> None:
    """A worker's call, which is at work for a minute at most; its answer is lost."""
    repeat = Repeat(nothing_to_ask, in_progress=timedelta(minutes=1), unanswered=timedelta(minutes=1))
    async with CallLog(database).leaving(register_step(), Transaction.REGISTER, repeat=repeat):
        raise Unknown(Transaction.REGISTER, "reply lost")


class TestTwoWorkers:
    @pytest.fixture(autouse=True)
    async def paid(self, database: Database) -> None:
        async with database.begin() as unit:
            await reach(unit, outpatient("S1"), PaymentState.PAID, at=AT)

    async def sends(self, database: Database) -> str:
        with pytest.raises((Unknown, ApplicationError)) as raised:
            await activity_of("his_register", register_step()).run(send, database)
        return str(raised.value)

    async def test_whose_clocks_differ_send_one_call(
        self, database: Database, dialect: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if dialect == "sqlite":
            pytest.skip("SQLite's processes share one machine and its clock")
        assert "reply lost" in await self.sends(database)
        monkeypatch.setattr("storage.sql.clock.datetime", _WrongClock)
        assert "earlier call may still arrive" in await self.sends(database)
        assert len(await rows(database._engines.reader, "SELECT id FROM call_log")) == 1

    async def test_with_connections_of_their_own_go_by_the_same_time(
        self, database: Database, records_url: str, keyring: Keyring
    ) -> None:
        async with Database(records_url, keyring) as another:
            with database_time(later(0)):
                assert "reply lost" in await self.sends(database)
            with database_time(later(59)):
                assert "earlier call may still arrive" in await self.sends(another)
            with database_time(later(60)):
                assert "reply lost" in await self.sends(another)
        assert {row["hospital"] for row in await rows(database._engines.reader, "SELECT hospital FROM call_log")} == {
            key_of(outpatient("S1")).hospital
        }
