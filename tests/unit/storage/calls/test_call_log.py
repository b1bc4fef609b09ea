import asyncio
from datetime import datetime, timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from domain.base import PaymentKey
from domain.errors import Outcome, Transaction
from domain.states import PaymentState
from domain.values.fen import Fen
from storage.records import EndedCall, StepKey
from storage.session import Database
from storage.tables import MESSAGE_CHARS_MAX
from tests.support.stack.database import rows
from tests.support.values.orders import bill_of, outpatient
from tests.support.values.records import AT, SETTLEMENT, key_of, later

ORDER = outpatient("CALL1")
KEY = key_of(ORDER)


@pytest.fixture(autouse=True)
async def payment(database: Database) -> None:
    async with database.begin() as unit:
        await unit.payments.receive(ORDER, AT)
        await unit.payments.record(KEY, 1, AT, state=PaymentState.PRICED)


async def called(database: Database, at: datetime, outcome: Outcome | None, transaction: str = "6202") -> int:
    async with database.begin() as unit:
        call_id = await unit.calls.begin(KEY, transaction, at, "REF")
        if outcome is not None:
            await unit.calls.finish(call_id, outcome, 12, "words")
    return call_id


class TestCalls:
    async def test_a_call_without_an_outcome_is_there_before_it_is_back(self, database: Database) -> None:
        await called(database, AT, None)
        found = await rows(database._engines.reader, 'SELECT "transaction", our_ref, outcome FROM call_log')
        assert found == [{"transaction": "6202", "our_ref": "REF", "outcome": None}]

    async def test_what_is_written_of_a_call_stays(self, database: Database) -> None:
        call_id = await called(database, AT, Outcome.UNKNOWN)
        async with database.begin() as unit:
            await unit.calls.finish(call_id, Outcome.DONE, 1)
        found = await rows(database._engines.reader, "SELECT outcome, duration_ms, message FROM call_log")
        assert found == [{"outcome": "unknown", "duration_ms": 12, "message": "words"}]

    async def test_a_long_message_is_cut(self, database: Database) -> None:
        call_id = await called(database, AT, None)
        async with database.begin() as unit:
            await unit.calls.finish(call_id, Outcome.REFUSED, 1, "长" * 5000)
        found = await rows(database._engines.reader, "SELECT message FROM call_log")
        assert found == [{"message": "长" * MESSAGE_CHARS_MAX}]

    async def test_a_call_of_a_payment_that_is_not_there_is_refused(self, database: Database) -> None:
        with pytest.raises(IntegrityError):
            async with database.begin() as unit:
                await unit.calls.begin(PaymentKey(hospital="main", med_org_ord="NOBODY"), "6201", AT)

    async def test_calls_are_counted_by_transaction_however_they_ended(self, database: Database) -> None:
        for outcome in (None, Outcome.NOT_SENT, Outcome.DONE):
            await called(database, AT, outcome)
        await called(database, AT, Outcome.DONE, "6201")
        async with database.read() as unit:
            counts = [await unit.calls.count(KEY, transaction) for transaction in ("6202", "6201", "6401")]
        assert counts == [3, 1, 0]

    async def test_questions_that_ended_are_noted_together(self, database: Database) -> None:
        asked = [
            EndedCall(transaction=each, begun_at=AT, outcome=Outcome.UNKNOWN, duration_ms=1, message="words")
            for each in (Transaction.PATIENT, Transaction.QUERY_ORDER)
        ]
        async with database.begin() as unit:
            await unit.calls.note(KEY, asked)
            await unit.calls.begin(KEY, Transaction.REFUND, AT)
        found = await rows(database._engines.reader, 'SELECT "transaction", outcome FROM call_log ORDER BY id')
        assert [(row["transaction"], row["outcome"]) for row in found] == [
            ("patient", "unknown"),
            ("6301", "unknown"),
            ("6203", None),
        ]


class TestMayHaveArrived:
    @pytest.mark.parametrize("outcome", [Outcome.NOT_SENT, Outcome.REFUSED, Outcome.DONE])
    async def test_not_a_call_whose_end_is_certain(self, database: Database, outcome: Outcome) -> None:
        await called(database, AT, outcome)
        async with database.read() as unit:
            assert await unit.calls.unresolved(KEY, "6202") is None

    @pytest.mark.parametrize("outcome", [None, Outcome.UNKNOWN])
    async def test_every_other_one(self, database: Database, outcome: Outcome | None) -> None:
        await called(database, later(1), Outcome.REFUSED)
        await called(database, later(2), outcome)
        await called(database, later(3), outcome)
        await called(database, later(4), Outcome.NOT_SENT)
        async with database.read() as unit:
            earlier = await unit.calls.unresolved(KEY, "6202")
            assert await unit.calls.unresolved(KEY, "6201") is None
            assert await unit.calls.unresolved(KEY, "6202", "ANOTHER") is None
            assert await unit.calls.unresolved(KEY, "6202", "REF") == earlier
        assert earlier is not None
        assert (earlier.begun_at, earlier.outcome) == (later(3), outcome)
        assert earlier.ended_at == (None if outcome is None else later(3) + timedelta(milliseconds=12))

    @pytest.mark.parametrize("answered", [True, False])
    async def test_it_is_known_whether_it_was_answered(self, database: Database, answered: bool) -> None:  # noqa: FBT001 - a parameter of the test
        call_id = await called(database, AT, None)
        async with database.begin() as unit:
            await unit.calls.finish(call_id, Outcome.UNKNOWN, 5, "words", answered=answered)
            earlier = await unit.calls.unresolved(KEY, "6202")
        assert earlier is not None
        assert earlier.answered == answered

    async def test_a_refusal_counts_for_its_own_step_only(self, database: Database) -> None:
        step = StepKey(workflow_id="w", name="insurance_6202_place_order", number=1)
        async with database.begin() as unit:
            call_id = await unit.calls.begin(KEY, "6202", AT, "REF", step)
            await unit.calls.finish(call_id, Outcome.REFUSED, 5, "words")
            refused = await unit.calls.before(KEY, step, "6202")
            others = [
                await unit.calls.before(KEY, step.model_copy(update=changes), "6202")
                for changes in ({"number": 2}, {"workflow_id": "v"}, {"name": "other"})
            ]
        assert refused is not None
        assert (refused.outcome, refused.message) == (Outcome.REFUSED, "words")
        assert others == [None, None, None]


class TestFeeLines:
    async def test_lines_are_replaced_whole(self, database: Database) -> None:
        line = bill_of(ORDER).fees.lines[0]
        for lines in ((line, line, line), (line.model_copy(update={"amount_fen": Fen(7), "name": "布洛芬"}), line)):
            async with database.begin() as unit:
                await unit.fee_lines.replace(KEY, lines)
        found = await rows(
            database._engines.reader, "SELECT position, name, amount_fen FROM fee_line ORDER BY position"
        )
        assert found == [
            {"position": 1, "name": "布洛芬", "amount_fen": 7},
            {"position": 2, "name": "阿莫西林胶囊", "amount_fen": 12850},
        ]

    async def test_no_lines_leave_none(self, database: Database) -> None:
        async with database.begin() as unit:
            await unit.fee_lines.replace(KEY, bill_of(ORDER).fees.lines)
            await unit.fee_lines.replace(KEY, ())
        assert await rows(database._engines.reader, "SELECT position FROM fee_line") == []

    async def test_two_who_replace_at_once_leave_one_set(self, database: Database) -> None:
        lines = bill_of(ORDER).fees.lines * 3

        async def replace() -> None:
            async with database.begin() as unit:
                await unit.fee_lines.replace(KEY, lines)

        await asyncio.gather(*(replace() for _ in range(6)))
        found = await rows(database._engines.reader, "SELECT position FROM fee_line ORDER BY position")
        assert [row["position"] for row in found] == [1, 2, 3]


class TestSettlements:
    async def test_the_latest_word_of_the_centre_stands_and_a_booking_stays(self, database: Database) -> None:
        async with database.begin() as unit:
            await unit.settlements.settled(KEY, SETTLEMENT)
            await unit.settlements.booked(KEY, "S1", later(5))
            await unit.settlements.booked(KEY, "S2", later(9))
            await unit.settlements.settled(KEY, SETTLEMENT.model_copy(update={"revs_token": "NEWER"}))
        found = await rows(database._engines.reader, "SELECT settlement_no FROM settlement")
        assert found == [{"settlement_no": "S1"}]
        async with database.read() as unit:
            settlement = await unit.settlements.find(KEY)
        assert settlement == SETTLEMENT.model_copy(update={"revs_token": "NEWER"})

    async def test_a_revs_token_is_forgotten_when_its_hour_is_over(self, database: Database) -> None:
        async with database.begin() as unit:
            await unit.settlements.settled(KEY, SETTLEMENT)
            assert await unit.settlements.forget_tokens(later(3599)) == 0
            assert await unit.settlements.forget_tokens(later(3600)) == 1
            assert await unit.settlements.forget_tokens(later(9999)) == 0
        async with database.read() as unit:
            settlement = await unit.settlements.find(KEY)
        assert settlement == SETTLEMENT.model_copy(update={"revs_token": ""})

    async def test_no_settlement_is_none(self, database: Database) -> None:
        async with database.read() as unit:
            assert await unit.settlements.find(KEY) is None
