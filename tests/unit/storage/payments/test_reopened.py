"""A payment whose workflow was terminated, and that is run once more: what the first run left under way is too late."""

import pytest

from domain.states import PaymentState
from storage.known import known_payment
from storage.records import PaymentFacts, PaymentRecord
from storage.session import Database
from tests.support.values.orders import outpatient
from tests.support.values.records import AT, SETTLEMENT, key_of, later

S = PaymentState
ORDER = outpatient("AGAIN1")
KEY = key_of(ORDER)
LATE = round(later(12).timestamp() * 1_000_000)
"""The first run took its last step at this revision. The row knows of one at 4 s: questions wrote nothing."""


@pytest.fixture(autouse=True)
async def terminated(database: Database) -> None:
    async with database.begin() as unit:
        await unit.payments.receive(ORDER, AT)
        for at, state in ((1, S.PRICED), (2, S.FEE_UPLOADED), (4, S.PRE_SETTLED)):
            await unit.payments.record(KEY, revision(at), later(at), state=state)


async def found(database: Database) -> PaymentRecord:
    async with database.read() as unit:
        record = await unit.payments.find(KEY)
    assert record is not None
    return record


async def write(database: Database, revised: int, state: PaymentState, facts: PaymentFacts | None = None) -> bool:
    async with database.begin() as unit:
        return await unit.payments.record(KEY, revised, later(60), state=state, facts=facts)


def revision(taken_at: float) -> int:
    """Of a step that is taken so many seconds after the payment was accepted."""
    return round(later(taken_at).timestamp() * 1_000_000)


async def test_a_late_answer_of_the_first_run_changes_nothing(database: Database) -> None:
    assert await write(database, revision(30), S.IN_REVIEW, PaymentFacts(note="BROKEN_OFF"))
    before = await found(database)
    assert not await write(database, LATE, S.PAID, PaymentFacts(settlement=SETTLEMENT))
    assert await found(database) == before
    assert await write(database, revision(31), S.CANCELLED)


async def test_one_that_was_written_before_gives_way(database: Database) -> None:
    """The new run was started from the row as it was before; what the old one found is not lost with its state."""
    assert await write(database, LATE, S.PAID, PaymentFacts(settlement=SETTLEMENT))
    assert await write(database, revision(30), S.IN_REVIEW)
    record = await found(database)
    assert (record.state, record.settlement) == (S.IN_REVIEW, SETTLEMENT)


async def test_a_second_run_that_wrote_nothing_is_overtaken_by_the_third(database: Database) -> None:
    """The row knows nothing of the second: both began at the same one."""
    assert await write(database, revision(30.5), S.IN_REVIEW)
    assert not await write(database, revision(30.4), S.PAID)
    assert await write(database, revision(31), S.CANCELLED)


async def test_who_takes_it_up_knows_which_revision_to_pass(database: Database) -> None:
    """So that a clock which went back holds nobody up."""
    assert await write(database, revision(30), S.IN_REVIEW)
    async with database.read() as unit:
        known = await known_payment(unit, await found(database))
    assert known.revision == revision(30)
    assert await write(database, known.revision + 1, S.CANCELLED)
