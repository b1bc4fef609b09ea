"""A call's row is there before it leaves, and says how it ended only where somebody came back to say."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from activities.call_log import CallLog
from domain.errors import ErrorCode, NotSent, Outcome, PaymentError, Refused, RemoteCallError, Transaction, Unknown
from domain.ids import business_serial
from domain.states import PaymentState
from security.crypto.keyring import Keyring
from storage.records import PaymentFacts
from storage.session import Database
from storage.sql.migrate import upgrade
from tests.support.stack.database import rows
from tests.support.values.orders import outpatient
from tests.support.values.records import AT, key_of, later

ORDER = outpatient("CALL1")
KEY = key_of(ORDER)
T = Transaction


@pytest.fixture
async def call_log(tmp_path: Path) -> AsyncIterator[CallLog]:
    url = f"sqlite:///{tmp_path / 'records.db'}"
    upgrade(url)
    async with Database(url, Keyring.generate()) as database:
        async with database.begin() as unit:
            await unit.payments.receive(ORDER, AT)
            await unit.payments.record(KEY, 1, AT, state=PaymentState.PRICED)
        yield CallLog(database)


async def written(call_log: CallLog) -> list[tuple[str, str | None, str | None]]:
    query = 'SELECT "transaction", outcome, message FROM call_log ORDER BY id'
    found = await rows(call_log.database._engines.reader, query)
    return [(row["transaction"], row["outcome"], row["message"]) for row in found]


async def settlement_no(call_log: CallLog) -> str | None:
    async with call_log.database.read() as unit:
        found = await unit.payments.find(KEY)
    assert found is not None
    return found.settlement_no


async def answer(outcome: RemoteCallError | None = None) -> str:
    if outcome is not None:
        raise outcome
    return "S1"


async def settled(call_log: CallLog, *, then: Exception | None = None) -> None:
    """A `settle` whose answer is recorded; `then` is raised in the transaction of the answer."""
    async with call_log.leaving(KEY, T.SETTLE) as call:
        facts = PaymentFacts(settlement_no=await answer())
        async with call.done() as done:
            await done.unit.payments.record(KEY, 2, later(1), facts=facts)
            if then is not None:
                raise then


class TestLeaving:
    async def test_the_row_is_committed_before_the_call_leaves(self, call_log: CallLog) -> None:
        async with call_log.leaving(KEY, T.REVOKE_ORDER):
            assert await written(call_log) == [("6401", None, None)]
            assert await call_log.may_have_arrived(KEY, T.REVOKE_ORDER)
        assert await written(call_log) == [("6401", "done", "")]

    async def test_the_outcome_and_what_follows_from_it_are_one_transaction(self, call_log: CallLog) -> None:
        await settled(call_log)
        assert (await written(call_log), await settlement_no(call_log)) == ([("settle", "done", "")], "S1")

    @pytest.mark.parametrize("failure", [ValueError("a bug"), Unknown(T.SETTLE, "not the call's")])
    async def test_a_failed_record_leaves_the_call_unknown(self, call_log: CallLog, failure: Exception) -> None:
        with pytest.raises(type(failure)):
            await settled(call_log, then=failure)
        assert (await written(call_log), await settlement_no(call_log)) == ([("settle", None, None)], None)

    @pytest.mark.parametrize("error", [Refused(T.SETTLE, "no"), NotSent(T.SETTLE, "no"), Unknown(T.SETTLE, "no")])
    async def test_a_call_that_failed_says_how_and_goes_on_failing(
        self, call_log: CallLog, error: RemoteCallError
    ) -> None:
        with pytest.raises(type(error)):
            async with call_log.leaving(KEY, T.SETTLE):
                await answer(error)
        assert await written(call_log) == [("settle", error.outcome.value, "no")]
        assert await call_log.may_have_arrived(KEY, T.SETTLE) == (error.outcome is Outcome.UNKNOWN)

    @pytest.mark.parametrize("end", [RuntimeError(), asyncio.CancelledError(), PaymentError(ErrorCode.EXPIRED, "")])
    async def test_whoever_never_came_back_leaves_no_outcome(self, call_log: CallLog, end: BaseException) -> None:
        with pytest.raises(type(end)):
            async with call_log.leaving(KEY, T.REFUND):
                raise end
        assert await written(call_log) == [("6203", None, None)]

    async def test_an_id_made_of_the_calls_number_is_new_each_time(self, call_log: CallLog) -> None:
        serials = []
        for error in (NotSent(T.PLACE_ORDER, ""), None):
            with suppress(NotSent):
                async with call_log.leaving(KEY, T.PLACE_ORDER, partial(business_serial, "CALL1")) as call:
                    serials.append(call.our_ref)
                    await answer(error)
        found = await rows(call_log.database._engines.reader, "SELECT our_ref FROM call_log ORDER BY id")
        assert serials == [row["our_ref"] for row in found] == ["CALL1-1", "CALL1-2"]


class TestAsking:
    async def test_questions_are_written_with_what_follows_from_the_answers(self, call_log: CallLog) -> None:
        async with call_log.asking(KEY) as questions:
            number = questions.start(T.SETTLEMENT_QUERY, answer())
            visit = questions.start(T.VISIT, answer())
            await questions.answered()
            assert await written(call_log) == []
            async with questions.done() as done:
                facts = PaymentFacts(settlement_no=number.result())
                await done.unit.payments.record(KEY, 2, later(1), facts=facts)
        assert visit.result() == await settlement_no(call_log) == "S1"
        assert sorted(await written(call_log)) == [("settlement_query", "done", ""), ("visit", "done", "")]

    async def test_the_first_that_failed_is_raised_once_all_have_ended(self, call_log: CallLog) -> None:
        async with call_log.asking(KEY) as questions:
            questions.start(T.PATIENT, answer(Unknown(T.PATIENT, "first")))
            questions.start(T.PRESCRIPTION_FEES, answer())
            questions.start(T.VISIT, answer(NotSent(T.VISIT, "second")))
            with pytest.raises(Unknown, match="first"):
                await questions.answered()
        assert sorted(await written(call_log)) == [
            ("patient", "unknown", "first"),
            ("prescription_fees", "done", ""),
            ("visit", "not_sent", "second"),
        ]

    async def test_a_refusals_words_may_name_the_patient_and_are_not_kept(self, call_log: CallLog) -> None:
        with pytest.raises(Refused):
            async with call_log.asking(KEY) as questions:
                await questions.ask(T.PATIENT, answer(Refused(T.PATIENT, "没有张三", "PATIENT_NOT_FOUND")))
        assert await written(call_log) == [("patient", "refused", "PATIENT_NOT_FOUND")]

    async def test_nothing_is_written_where_the_record_failed(self, call_log: CallLog) -> None:
        async with call_log.asking(KEY) as questions:
            await questions.ask(T.QUERY_ORDER, answer())
            with pytest.raises(Unknown):
                async with questions.done():
                    raise Unknown(T.QUERY_ORDER, "not the question's")
        assert await written(call_log) == []
