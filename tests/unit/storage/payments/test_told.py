"""What was told stays true: no writer takes a payment where its state may not lead, or replaces what an end said."""

from typing import Any

import pytest

from domain.errors import ErrorCode
from domain.orders import Order, bills_of
from domain.states import SETTLED_STATES, TERMINAL, TRANSITIONS, UNPAID_ENDS, PaymentState, may_follow
from domain.values.fen import Fen
from storage.records import PaymentFacts, PaymentRecord
from storage.session import Database
from tests.support.stack.database import rows
from tests.support.stack.recorded import PAID, reach
from tests.support.values.orders import TERMS, outpatient, registration
from tests.support.values.records import AT, SETTLEMENT, SPLIT, key_of, later

S = PaymentState
WRITTEN_WITH_A_PAYMENT = ("payment", "settlement", "state_change", "bill_lock", "notification", "review_case")
LATE = 99
"""The revision of a confused writer: newer than all that was written."""
OTHER_SPLIT = SPLIT.model_copy(update={"own_pay_fen": Fen(2569), "fund_fen": Fen(7711)})
OTHER = PaymentFacts(
    pay_ord_id="ORD2",
    pay_token="OTHER-TOKEN-MARKER",
    split=OTHER_SPLIT,
    settlement=SETTLEMENT.model_copy(update={"split": OTHER_SPLIT, "revs_token": "OTHER-MARKER"}),
    visit_id="V2",
    registered_by_us=True,
    settlement_no="S2",
    error_code=ErrorCode.HIS_REFUSED,
    error_message="别的原因",
    note="OTHER",
)
TOLD = PaymentFacts(**(PAID.model_dump(exclude_unset=True) | {"error_message": "已告知", "note": "TOLD"}))


def forbidden(current: PaymentState) -> list[PaymentState]:
    return [state for state in S if state is not current and not may_follow(current, state)]


async def comes_to(database: Database, order: Order, *way: PaymentState) -> None:
    """The payment holds its bill until an end releases it."""
    async with database.begin() as unit:
        await reach(unit, order)
        await unit.bill_locks.take(key_of(order), bills_of(order, AT, TERMS.payable_s), AT)
        await reach(unit, order, *way, facts=TOLD)


async def write(
    database: Database,
    order: Order,
    state: PaymentState | None,
    facts: PaymentFacts = OTHER,
    revision: int = LATE,
    *,
    by_question: bool = False,
) -> bool:
    async with database.begin() as unit:
        return await unit.payments.record(
            key_of(order), revision, later(LATE), state=state, facts=facts, by_question=by_question
        )


async def everything(database: Database) -> dict[str, list[dict[str, Any]]]:
    """All that a payment's transition writes."""
    return {table: await rows(database._engines.reader, f"SELECT * FROM {table}") for table in WRITTEN_WITH_A_PAYMENT}  # noqa: S608 - our own names


async def found(database: Database, order: Order) -> PaymentRecord:
    async with database.read() as unit:
        record = await unit.payments.find(key_of(order))
    assert record is not None
    return record


class TestAMove:
    @pytest.mark.parametrize("current", S)
    async def test_that_is_not_in_the_table_changes_nothing(self, database: Database, current: PaymentState) -> None:
        """Neither the row, nor the outbox, the bill or the queue, whoever writes and however new."""
        order = outpatient("TOLD1")
        await comes_to(database, order, *_way(current))
        before = await everything(database)
        assert (await found(database, order)).state is current

        written = [state for state in forbidden(current) if await write(database, order, state)]

        assert written == []
        assert await everything(database) == before

    @pytest.mark.parametrize("current", [state for state in S if TRANSITIONS[state]])
    async def test_that_is_in_the_table_is_made(self, database: Database, current: PaymentState) -> None:
        for following in sorted(TRANSITIONS[current]):
            order = outpatient(f"TO_{following}")
            await comes_to(database, order, *_way(current))
            assert await write(database, order, following, PaymentFacts(note="made"))
            record = await found(database, order)
            assert (record.state, record.note, record.revision) == (following, "made", LATE)

    async def test_from_settled_to_review_tells_nobody_and_opens_no_case(self, database: Database) -> None:
        order = outpatient("TOLD1")
        await comes_to(database, order, S.SETTLED)
        assert not await write(database, order, S.IN_REVIEW, PaymentFacts(note="HIS_OUTCOME_UNKNOWN"))
        async with database.read() as unit:
            assert [told.event for told in await unit.notifications.waiting()] == ["payment.settled"]
            assert await unit.reviews.find(key_of(order), "") is None

    async def test_that_would_release_a_bill_leaves_it_to_its_owner(self, database: Database) -> None:
        paid, next_ = outpatient("TOLD1"), outpatient("TOLD2")
        await comes_to(database, paid, S.PAID)
        assert not await write(database, paid, S.EXPIRED)
        async with database.begin() as unit:
            await reach(unit, next_, S.PRICED)
            assert await unit.bill_locks.take(key_of(next_), bills_of(next_, AT, TERMS.payable_s), AT) == "TOLD1"

    async def test_to_settled_releases_no_registration_that_goes_back(self, database: Database) -> None:
        paid, next_ = registration("TOLD1"), registration("TOLD2")
        await comes_to(database, paid, S.REVERSING)
        assert not await write(database, paid, S.SETTLED)
        async with database.begin() as unit:
            await reach(unit, next_, S.PRICED)
            assert await unit.bill_locks.take(key_of(next_), bills_of(next_, AT, TERMS.payable_s), AT) == "TOLD1"

    @pytest.mark.parametrize("state", [S.PAID, S.SETTLED])
    async def test_out_of_a_review_is_not_for_an_answer_to_make(self, database: Database, state: PaymentState) -> None:
        order = outpatient("TOLD1")
        await comes_to(database, order, S.PAID, S.IN_REVIEW)
        before = await everything(database)
        assert not await write(database, order, state, by_question=True)
        assert await everything(database) == before
        assert await write(database, order, state)

    async def test_by_an_answer_is_made_where_no_review_is(self, database: Database) -> None:
        order = outpatient("TOLD1")
        await comes_to(database, order, S.PAID)
        assert await write(database, order, S.SETTLED, by_question=True)


class TestAnEnd:
    @pytest.mark.parametrize("end", sorted(TERMINAL))
    async def test_that_is_written_again_stands_as_it_was_told(self, database: Database, end: PaymentState) -> None:
        order = outpatient("TOLD1")
        await comes_to(database, order, end)
        before = await found(database, order)
        told = await everything(database)

        assert await write(database, order, end)

        again = {"revision": LATE, "updated_at": later(LATE)}
        assert await found(database, order) == before.model_copy(update=again)
        after = await everything(database)
        assert {table: after[table] for table in after if table != "payment"} == {
            table: told[table] for table in told if table != "payment"
        }

    async def test_that_an_older_writer_writes_again_is_not_written(self, database: Database) -> None:
        order = outpatient("TOLD1")
        await comes_to(database, order, S.CANCELLED)
        assert not await write(database, order, S.CANCELLED, revision=0)

    @pytest.mark.parametrize(
        ("facts", "ends"),
        [
            (PaymentFacts(settlement=OTHER.settlement), UNPAID_ENDS),
            (PaymentFacts(visit_id=None, registered_by_us=False), {S.REVERSED}),
            (PaymentFacts(split=OTHER_SPLIT), set()),
            (PaymentFacts(error_code=ErrorCode.HIS_REFUSED, error_message="别的原因"), set()),
            (OTHER, set()),
        ],
        ids=["late money", "our visit cancelled", "another split", "another reason", "everything"],
    )
    async def test_leaves_room_for_what_may_still_be_learnt(
        self, database: Database, facts: PaymentFacts, ends: set[PaymentState]
    ) -> None:
        for end in sorted(TERMINAL):
            order = outpatient(f"AT_{end}")
            await comes_to(database, order, end)
            before = await everything(database)
            assert await write(database, order, None, facts) == (end in ends)
            assert (await everything(database) == before) == (end not in ends)

    @pytest.mark.parametrize("state", sorted(SETTLED_STATES))
    async def test_with_a_booking_keeps_the_settlement_that_was_told(
        self, database: Database, state: PaymentState
    ) -> None:
        """6301 is asked once more, late, and says other amounts: they were booked as they were told."""
        order = outpatient("TOLD1")
        await comes_to(database, order, state)
        before = await found(database, order)
        assert not await write(database, order, S.PAID, PaymentFacts(settlement=OTHER.settlement))
        assert not await write(database, order, None, PaymentFacts(settlement=OTHER.settlement))
        assert await found(database, order) == before


class TestOnTheWay:
    @pytest.mark.parametrize("state", [S.PRE_SETTLED, S.PAID, S.REGISTERED, S.REVERSING, S.IN_REVIEW])
    async def test_the_same_state_takes_newer_facts(self, database: Database, state: PaymentState) -> None:
        order = outpatient("TOLD1")
        await comes_to(database, order, state)
        for written in (state, None):
            assert await write(database, order, written, PaymentFacts(note=f"newer {written}"))
            assert (await found(database, order)).note == f"newer {written}"


def _way(state: PaymentState) -> list[PaymentState]:
    """A refund follows a booking, and a review something to review."""
    return [S.PAID, state] if state is S.IN_REVIEW else [state]
