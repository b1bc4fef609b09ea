"""A payment whose workflow was terminated, and that is run once more: what the first run left under way is too late."""

from datetime import timedelta

import pytest

from domain.errors import ErrorCode
from domain.orders import KnownPayment, PaymentEnd
from domain.states import PaymentState
from storage.records import PaymentFacts, PaymentRecord
from storage.session import Database
from tests.support.values.orders import PATIENT, outpatient
from tests.support.values.records import AT, SETTLEMENT, key_of, later

S = PaymentState
ORDER = outpatient("AGAIN1")
KEY = key_of(ORDER)
LATE = 12
"""The first run had asked this often when it was terminated. The row knows of four times: questions wrote nothing."""


@pytest.fixture(autouse=True)
async def terminated(database: Database) -> None:
    async with database.begin() as unit:
        await unit.payments.receive(ORDER, AT)
        for revision, state in ((1, S.PRICED), (2, S.FEE_UPLOADED), (4, S.PRE_SETTLED)):
            await unit.payments.record(KEY, revision, later(revision), state=state)


async def found(database: Database) -> PaymentRecord:
    async with database.read() as unit:
        record = await unit.payments.find(KEY)
    assert record is not None
    return record


async def write(database: Database, revision: int, state: PaymentState, facts: PaymentFacts | None = None) -> bool:
    async with database.begin() as unit:
        return await unit.payments.record(KEY, revision, later(60), state=state, facts=facts)


async def reopened(database: Database, started_at: float) -> int:
    """The number from which a run counts that was started from the row as it is now."""
    record = await found(database)
    known = KnownPayment(
        accepted_at=record.accepted_at,
        state=record.state,
        state_since=record.state_since,
        end=PaymentEnd(state=record.state, code=ErrorCode.IN_REVIEW, message=""),
        revision=record.revision,
        patient=PATIENT,
        uploaded=None,
        pre_settlement=None,
        visit_id=None,
    )
    return known.counts_from(later(started_at))


async def test_a_late_answer_of_the_first_run_changes_nothing(database: Database) -> None:
    run = await reopened(database, started_at=30)
    assert await write(database, run + 1, S.IN_REVIEW, PaymentFacts(note="BROKEN_OFF"))
    before = await found(database)
    assert not await write(database, LATE, S.PAID, PaymentFacts(settlement=SETTLEMENT))
    assert await found(database) == before
    assert await write(database, run + 2, S.CANCELLED)


async def test_one_that_was_written_before_gives_way(database: Database) -> None:
    """The new run was started from the row as it was before; what the old one found is not lost with its state."""
    run = await reopened(database, started_at=30)
    assert await write(database, LATE, S.PAID, PaymentFacts(settlement=SETTLEMENT))
    assert await write(database, run + 1, S.IN_REVIEW)
    record = await found(database)
    assert (record.state, record.settlement) == (S.IN_REVIEW, SETTLEMENT)


async def test_a_second_run_that_wrote_nothing_is_overtaken_by_the_third(database: Database) -> None:
    """The row knows nothing of the second: both began at the same one."""
    second, third = await reopened(database, started_at=30), await reopened(database, started_at=30.5)
    assert await write(database, third + 1, S.IN_REVIEW)
    assert not await write(database, second + 40, S.PAID)
    assert await write(database, third + 2, S.CANCELLED)


async def test_a_clock_that_went_back_holds_nobody_up(database: Database) -> None:
    run = await reopened(database, started_at=30)
    assert await write(database, run + 1, S.IN_REVIEW)
    again = await reopened(database, started_at=-timedelta(days=1).total_seconds())
    assert again == run + 1
    assert await write(database, again + 1, S.CANCELLED)
