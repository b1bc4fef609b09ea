"""A late writer changes nothing: a newer revision stands. What may follow what is in test_told.py."""

import asyncio

import pytest

from domain.errors import ErrorCode
from domain.orders import Order
from domain.states import PaymentState
from security.crypto.keyring import Keyring
from storage.payments import NoSuchPaymentError
from storage.records import PaymentFacts, PaymentRecord, TimelineKind
from storage.session import Database
from tests.support.stack.database import somebody_waits
from tests.support.stack.recorded import reach
from tests.support.values.orders import outpatient
from tests.support.values.records import AT, SETTLEMENT, key_of, later
from tests.support.waiting import eventually

ORDER = outpatient("REV1")
KEY = key_of(ORDER)
TO_PRE_SETTLED = ["RECEIVED", "PRICED", "FEE_UPLOADED", "PRE_SETTLED"]


async def write(
    database: Database,
    revision: int,
    state: PaymentState | None = None,
    facts: PaymentFacts | None = None,
    order: Order | None = None,
) -> bool:
    async with database.begin() as unit:
        if order is not None:
            await unit.payments.receive(order, AT)
        return await unit.payments.record(KEY, revision, later(revision), state=state, facts=facts)


async def comes_to(database: Database, state: PaymentState, revision: int = 1) -> None:
    async with database.begin() as unit:
        await reach(unit, ORDER, state, revision=revision)


async def found(database: Database) -> PaymentRecord:
    async with database.read() as unit:
        record = await unit.payments.find(KEY)
    assert record is not None
    return record


async def states(database: Database) -> list[str]:
    async with database.read() as unit:
        timeline = await unit.timeline.of_payment(KEY)
    return [entry.name for entry in timeline if entry.kind is TimelineKind.STATE]


class TestFirstWrite:
    async def test_an_order_makes_the_row_received_when_it_was_accepted(self, database: Database) -> None:
        assert await write(database, 1, PaymentState.PRICED, order=ORDER)
        record = await found(database)
        assert (record.state, record.state_since, record.accepted_at) == (PaymentState.PRICED, later(1), AT)
        assert record.revision == 1
        assert await states(database) == ["RECEIVED", "PRICED"]

    async def test_an_order_recorded_as_received_has_one_state(self, database: Database) -> None:
        assert await write(database, 1, PaymentState.RECEIVED, order=ORDER)
        assert await states(database) == ["RECEIVED"]
        assert (await found(database)).state_since == AT

    async def test_without_a_row_and_an_order_it_is_a_bug(self, database: Database) -> None:
        with pytest.raises(NoSuchPaymentError):
            await write(database, 1, PaymentState.PRICED)
        async with database.read() as unit:
            assert await unit.payments.find(KEY) is None

    async def test_the_first_order_stays(self, database: Database) -> None:
        await write(database, 1, PaymentState.PRICED, order=ORDER)
        await write(database, 2, PaymentState.REJECTED, order=outpatient("REV1", patient_id="100002"))
        record = await found(database)
        first = ORDER.model_copy(update={"pay_auth_no": ""})  # deleted with the end
        assert (record.order, record.state) == (first, PaymentState.REJECTED)

    async def test_an_order_read_from_the_row_may_be_written_back(self, database: Database) -> None:
        """A payment that is looked at once more is started from its row, which has no payAuthNo any more."""
        await comes_to(database, PaymentState.CANCELLED)
        assert await write(database, 2, PaymentState.IN_REVIEW, order=(await found(database)).order)
        assert (await found(database)).state is PaymentState.IN_REVIEW


class TestOrderOfRevisions:
    async def test_an_older_writer_changes_nothing(self, database: Database) -> None:
        await write(database, 1, PaymentState.PRICED, order=ORDER)
        await write(database, 3, PaymentState.REJECTED, PaymentFacts(error_code=ErrorCode.INSURANCE_REFUSED))
        before = await found(database)
        late = PaymentFacts(pay_ord_id="ORD1", settlement=SETTLEMENT, error_code=None)
        assert not await write(database, 2, PaymentState.IN_REVIEW, late)
        assert not await write(database, 2, None, PaymentFacts(settlement=SETTLEMENT))
        assert not await write(database, 2, PaymentState.REJECTED, late)
        assert await found(database) == before
        assert await states(database) == ["RECEIVED", "PRICED", "REJECTED"]

    async def test_a_repeated_revision_writes_again_without_another_state(self, database: Database) -> None:
        await write(database, 1, PaymentState.PRICED, order=ORDER)
        assert await write(database, 2, PaymentState.FEE_UPLOADED, PaymentFacts(pay_ord_id="ORD1"))
        since = (await found(database)).state_since
        assert await write(database, 2, PaymentState.FEE_UPLOADED, PaymentFacts(pay_ord_id="ORD2"))
        record = await found(database)
        assert (record.pay_ord_id, record.state_since) == ("ORD2", since)
        assert await states(database) == ["RECEIVED", "PRICED", "FEE_UPLOADED"]

    async def test_within_a_revision_the_state_goes_forward(self, database: Database) -> None:
        await write(database, 1, PaymentState.RECEIVED, order=ORDER)
        assert await write(database, 1, PaymentState.PRICED, order=ORDER)
        assert (await found(database)).state is PaymentState.PRICED

    async def test_within_a_revision_a_late_attempt_never_takes_the_state_back(self, database: Database) -> None:
        await comes_to(database, PaymentState.PAID, revision=6)
        assert await write(database, 7, PaymentState.REVERSING)
        assert await write(database, 7, PaymentState.REVERSED)
        assert not await write(database, 7, PaymentState.REVERSING)
        assert (await found(database)).state is PaymentState.REVERSED

    async def test_the_same_state_again_keeps_since_when(self, database: Database) -> None:
        await comes_to(database, PaymentState.PAID, revision=5)
        assert await write(database, 6, PaymentState.PAID, PaymentFacts(settlement=SETTLEMENT))
        record = await found(database)
        assert (record.state_since, record.updated_at, record.revision) == (later(5), later(6), 6)


class TestRaces:
    """Real concurrent transactions. Each case runs often, since a race that is lost once in ten is lost."""

    ROUNDS = 8

    async def test_the_newest_of_many_writers_at_once_stands(self, database: Database) -> None:
        await write(database, 0, PaymentState.RECEIVED, order=ORDER)
        for start in range(1, self.ROUNDS * 10, 10):
            revisions = [start + offset for offset in (3, 9, 1, 6, 0, 8)]
            written = await asyncio.gather(
                *(write(database, number, facts=PaymentFacts(note=f"by {number}")) for number in revisions)
            )
            record = await found(database)
            assert (record.revision, record.note) == (start + 9, f"by {start + 9}")
            assert written[1] is True

    async def test_a_waiting_older_writer_sees_what_the_newer_one_wrote(self, database: Database) -> None:
        await comes_to(database, PaymentState.PRE_SETTLED)
        async with database.begin() as unit:
            await unit.payments.record(KEY, 3, later(3), state=PaymentState.PAID)
            older = asyncio.create_task(write(database, 2, PaymentState.EXPIRED))
            await self._waits(database)
        assert await older is False
        assert (await found(database)).state is PaymentState.PAID
        assert await states(database) == [*TO_PRE_SETTLED, "PAID"]

    async def test_a_waiting_newer_writer_goes_on_from_the_older_one(self, database: Database) -> None:
        await comes_to(database, PaymentState.PRE_SETTLED)
        async with database.begin() as unit:
            await unit.payments.record(KEY, 2, later(2), state=PaymentState.IN_REVIEW)
            newer = asyncio.create_task(write(database, 3, PaymentState.PAID))
            await self._waits(database)
        assert await newer is True
        assert await states(database) == [*TO_PRE_SETTLED, "IN_REVIEW", "PAID"]

    async def test_a_waiting_newer_writer_never_takes_back_an_end(self, database: Database) -> None:
        await comes_to(database, PaymentState.PRE_SETTLED)
        async with database.begin() as unit:
            await unit.payments.record(KEY, 2, later(2), state=PaymentState.EXPIRED)
            newer = asyncio.create_task(write(database, 3, PaymentState.PAID))
            await self._waits(database)
        assert await newer is False
        assert await states(database) == [*TO_PRE_SETTLED, "EXPIRED"]

    async def test_a_waiting_first_writer_finds_the_row_of_the_other(self, database: Database) -> None:
        async with database.begin() as unit:
            await unit.payments.receive(ORDER, AT)
            await unit.payments.record(KEY, 2, later(2), state=PaymentState.REJECTED)
            late = asyncio.create_task(write(database, 1, PaymentState.PRICED, order=ORDER))
            await self._waits(database)
        assert await late is False
        assert await states(database) == ["RECEIVED", "REJECTED"]

    async def test_a_waiting_first_writer_writes_when_the_other_gives_up(self, database: Database) -> None:
        waiting: list[asyncio.Task[bool]] = []

        async def write_and_give_up() -> None:
            async with database.begin() as unit:
                await unit.payments.receive(ORDER, later(2))
                await unit.payments.record(KEY, 2, later(2), state=PaymentState.REJECTED)
                waiting.append(asyncio.create_task(write(database, 1, PaymentState.PRICED, order=ORDER)))
                await self._waits(database)
                raise InterruptedError

        with pytest.raises(InterruptedError):
            await write_and_give_up()
        assert await asyncio.gather(*waiting) == [True]
        assert await states(database) == ["RECEIVED", "PRICED"]

    async def test_two_attempts_of_one_revision_leave_one_state(self, database: Database) -> None:
        await comes_to(database, PaymentState.PRE_SETTLED)
        facts = PaymentFacts(settlement=SETTLEMENT)
        written = await asyncio.gather(*(write(database, 2, PaymentState.PAID, facts) for _ in range(6)))
        assert written == [True] * 6
        assert await states(database) == [*TO_PRE_SETTLED, "PAID"]
        assert (await found(database)).settlement == SETTLEMENT

    async def test_first_writers_at_once_make_one_row(self, database: Database) -> None:
        for number in range(self.ROUNDS):
            order = outpatient(f"FIRST{number}")
            written = await asyncio.gather(*(self._first(database, order) for _ in range(6)))
            async with database.read() as unit:
                timeline = await unit.timeline.of_payment(key_of(order))
            assert written == [True] * 6
            assert [entry.name for entry in timeline] == ["RECEIVED", "PRICED"]

    async def test_opposite_orders_of_payments_do_not_deadlock(self, database: Database) -> None:
        orders = [outpatient(f"PAIR{number}") for number in range(2)]
        for order in orders:
            await self._first(database, order)

        async def both(first: Order, second: Order) -> None:
            for order in (first, second):
                async with database.begin() as unit:
                    await unit.payments.record(key_of(order), 2, later(2), facts=PaymentFacts(note="both"))

        await asyncio.gather(*(both(*pair) for pair in [orders, orders[::-1]] * 5))
        async with database.read() as unit:
            notes = [record.note for order in orders if (record := await unit.payments.find(key_of(order)))]
        assert notes == ["both", "both"]

    async def _waits(self, database: Database) -> None:
        await eventually(lambda: somebody_waits(database._engines.reader))

    async def _first(self, database: Database, order: Order) -> bool:
        async with database.begin() as unit:
            await unit.payments.receive(order, AT)
            return await unit.payments.record(key_of(order), 1, later(1), state=PaymentState.PRICED)


class TestAcrossConnections:
    """The worker's and the API's processes each have a `Database` of their own."""

    async def test_their_writers_take_turns(self, database: Database, records_url: str, keyring: Keyring) -> None:
        await write(database, 0, PaymentState.RECEIVED, order=ORDER)
        async with Database(records_url, keyring) as other:
            writers = [(other if number % 2 else database, number) for number in range(1, 41)]
            written = await asyncio.gather(
                *(write(side, number, facts=PaymentFacts(note=f"by {number}")) for side, number in writers)
            )
        assert written[-1] is True
        assert (await found(database)).note == "by 40"

    async def test_who_reads_before_writing_is_not_turned_away(
        self, database: Database, records_url: str, keyring: Keyring
    ) -> None:
        await write(database, 0, PaymentState.RECEIVED, order=ORDER)

        async def read_and_write(side: Database) -> None:
            async with side.begin() as unit:
                assert await unit.payments.find(KEY) is not None
                await unit.payments.record(KEY, 1, later(1), facts=PaymentFacts(note="read before"))

        async with Database(records_url, keyring) as other:
            await asyncio.gather(*(read_and_write(side) for side in (database, other) * 10))
        assert (await found(database)).note == "read before"
