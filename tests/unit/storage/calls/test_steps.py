"""A step is finished once. Its result opens in its own place only, and is erased when the payment ends."""

import asyncio

import pytest
from sqlalchemy import text

from domain.errors import Outcome
from domain.states import PaymentState
from security.crypto.keyring import Keyring, SealBrokenError
from storage.evidence.steps import RESULT_CHARS_MAX, ResultTooLongError
from storage.records import FinishedStep, StepKey
from storage.session import Database
from storage.sql.refusals import RowRefusedError
from tests.support.stack.database import rows
from tests.support.stack.recorded import reach
from tests.support.values.orders import outpatient
from tests.support.values.records import AT, key_of, later

S = PaymentState
ORDER, OTHER = outpatient("STEP1"), outpatient("STEP2")
KEY = key_of(ORDER)
SECRET = '{"pay_token":"RESULT-MARKER"}'


@pytest.fixture(autouse=True)
async def payments(database: Database) -> None:
    async with database.begin() as unit:
        for order in (ORDER, OTHER):
            await reach(unit, order, S.PAID, at=AT)


def step(number: int = 1, name: str = "his_register", workflow_id: str = ORDER.workflow_id) -> StepKey:
    return StepKey(workflow_id=workflow_id, name=name, number=number)


def done(result: str = SECRET, subject: str = "") -> FinishedStep:
    return FinishedStep(outcome=Outcome.DONE, subject=subject, result=result)


async def finish(database: Database, key: StepKey, finished: FinishedStep) -> bool:
    async with database.begin() as unit:
        return await unit.steps.finish(KEY, key, finished, later(1))


async def found(database: Database, key: StepKey) -> FinishedStep | None:
    async with database.read() as unit:
        return await unit.steps.find(KEY, key)


class TestFinishing:
    async def test_keeps_the_result(self, database: Database) -> None:
        assert await found(database, step()) is None
        assert await finish(database, step(), done(subject="V1"))
        assert await found(database, step()) == done(subject="V1")

    async def test_a_second_time_is_refused_and_the_first_result_stands(self, database: Database) -> None:
        assert await finish(database, step(), done())
        refused = FinishedStep(outcome=Outcome.REFUSED, subject="", result="{}")
        assert not await finish(database, step(), refused)
        assert await found(database, step()) == done()

    async def test_by_many_at_once_is_done_by_one(self, database: Database) -> None:
        finishes = (finish(database, step(), done(f'"{number}"')) for number in range(6))
        assert sorted(await asyncio.gather(*finishes)) == [False] * 5 + [True]

    async def test_is_of_one_workflow_name_and_number(self, database: Database) -> None:
        await finish(database, step(), done())
        for another in (step(2), step(name="his_settle"), step(workflow_id="payment-main-X")):
            assert await found(database, another) is None
            assert await finish(database, another, done('"another"'))
        assert await found(database, step()) == done()

    async def test_takes_a_certain_end(self, database: Database) -> None:
        with pytest.raises(RowRefusedError, match="outcome_final"):
            await finish(database, step(), FinishedStep(outcome=Outcome.UNKNOWN, subject="", result=SECRET))
        assert await found(database, step()) is None

    async def test_with_too_long_a_result_keeps_nothing(self, database: Database) -> None:
        assert await finish(database, step(1), done("x" * RESULT_CHARS_MAX))
        with pytest.raises(ResultTooLongError):
            await finish(database, step(2), done("x" * (RESULT_CHARS_MAX + 1)))
        assert await found(database, step(2)) is None


class TestTheSeal:
    async def test_hides_the_result(self, database: Database) -> None:
        await finish(database, step(), done())
        (row,) = await rows(database._engines.reader, "SELECT * FROM step")
        assert "RESULT-MARKER" not in str(row)

    @pytest.mark.parametrize("place", ["number = 2", "name = 'his_settle'", "workflow_id = 'payment-main-X'"])
    async def test_does_not_open_elsewhere(self, database: Database, place: str) -> None:
        await finish(database, step(), done())
        async with database._engines.writer.begin() as connection:
            await connection.execute(text(f"UPDATE step SET {place}"))  # noqa: S608 - a test's own
        moved = {"number = 2": step(2), "name = 'his_settle'": step(name="his_settle")}
        with pytest.raises(SealBrokenError):
            await found(database, moved.get(place, step(workflow_id="payment-main-X")))

    async def test_of_another_payment_does_not_open(self, database: Database) -> None:
        await finish(database, step(), done())
        async with database.read() as unit:
            with pytest.raises(SealBrokenError):
                await unit.steps.find(key_of(OTHER), step())


class TestErasing:
    @pytest.mark.parametrize("end", [S.SETTLED, S.REVERSED])
    async def test_at_the_payments_end_leaves_outcome_subject_and_digest(
        self, database: Database, keyring: Keyring, end: PaymentState
    ) -> None:
        await finish(database, step(), done(subject="V1"))
        async with database.begin() as unit:
            await reach(unit, ORDER, end, revision=10)
        assert await found(database, step()) == FinishedStep(outcome=Outcome.DONE, subject="V1", result=None)
        query = "SELECT result_sealed, result_digest FROM step"
        (row,) = await rows(database._engines.reader, query)
        assert row == {"result_sealed": None, "result_digest": keyring.digest(SECRET)}
        assert not await finish(database, step(), done())

    async def test_is_not_of_other_payments_or_before_the_end(self, database: Database) -> None:
        await finish(database, step(), done())
        async with database.begin() as unit:
            await reach(unit, OTHER, S.SETTLED, revision=10)
            await reach(unit, ORDER, S.IN_REVIEW, revision=10)
        assert await found(database, step()) == done()


class TestShortening:
    async def test_leaves_what_is_still_needed_and_the_whole_ones_digest(
        self, database: Database, keyring: Keyring
    ) -> None:
        await finish(database, step(), done())
        async with database.begin() as unit:
            await unit.steps.shorten(KEY, step(), "{}")
        assert await found(database, step()) == done("{}")
        (row,) = await rows(database._engines.reader, "SELECT result_digest FROM step")
        assert row == {"result_digest": keyring.digest(SECRET)}

    async def test_brings_no_erased_result_back(self, database: Database) -> None:
        await finish(database, step(), done())
        async with database.begin() as unit:
            await reach(unit, ORDER, S.SETTLED, revision=10)
            await unit.steps.shorten(KEY, step(), "{}")
        erased = await found(database, step())
        assert erased is not None
        assert erased.result is None


class TestCounting:
    async def test_is_by_name_and_of_one_workflow(self, database: Database) -> None:
        for key in (step(1), step(2), step(name="his_settle"), step(7, workflow_id="payment-main-X")):
            await finish(database, key, done())
        async with database.read() as unit:
            assert await unit.steps.counts(ORDER.workflow_id) == {"his_register": 2, "his_settle": 1}
            assert await unit.steps.counts("payment-main-NOBODY") == {}
