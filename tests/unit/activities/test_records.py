"""A payment leaves its review: the row, the bad end that is over, and the bill that must still be its own."""

from pathlib import Path

import pytest
from temporalio.exceptions import ApplicationError

from activities.contract.base import Step
from activities.contract.records import NoteCase, RecordEnd, ResolveCase
from activities.records import Records
from activities.step_log import Decision, RowMoved, StepLog, move
from domain.errors import ErrorCode
from domain.orders import Order, PaymentEnd, bills_of
from domain.reviews import CaseEvent, ReviewAction
from domain.states import PaymentState
from security.crypto.keyring import Keyring
from storage.records import PaymentFacts, TimelineKind
from storage.session import Database
from storage.sql.migrate import upgrade
from tests.support.stack.recorded import reach
from tests.support.stack.stepping import finds_row_moved, take
from tests.support.values.orders import TERMS, outpatient
from tests.support.values.records import AT, SETTLEMENT, SPLIT, key_of, later

S = PaymentState
REVIEWED = PaymentFacts(error_code=ErrorCode.IN_REVIEW, error_message="已转人工核查", note="LATE_MONEY")


@pytest.fixture
def url(tmp_path: Path) -> str:
    made = f"sqlite:///{tmp_path / 'records.db'}"
    upgrade(made)
    return made


async def given(database: Database, order: Order, *states: PaymentState) -> None:
    async with database.begin() as unit:
        await reach(unit, order, *states, facts=REVIEWED)


def resolve(order: Order, state: PaymentState) -> ResolveCase:
    return ResolveCase(
        hospital=order.hospital,
        med_org_ord=order.med_org_ord,
        revision=9,
        state=state,
        settlement=SETTLEMENT,
        split=SPLIT,
        settlement_no="S1" if state is S.SETTLED else None,
        bills=bills_of(order, AT, TERMS.payable_s) if state is S.PAID else (),
    )


@pytest.mark.parametrize("state", [S.PAID, S.SETTLED])
async def test_the_row_follows_and_forgets_its_bad_end_also_when_repeated(url: str, state: PaymentState) -> None:
    order = outpatient("L1")
    async with Database(url, Keyring.generate()) as database:
        await given(database, order, S.EXPIRED, S.IN_REVIEW)
        for _ in range(2):
            await take(Records(StepLog(database)).record_resolution, resolve(order, state))
        async with database.read() as unit:
            found = await unit.payments.find(key_of(order))
            case = await unit.reviews.find(key_of(order), "")

    assert found is not None
    assert (found.state, found.error_code, found.error_message, found.note) == (state, None, "", "")
    assert (found.settlement, found.split) == (SETTLEMENT, SPLIT)
    assert case is not None
    assert case.outcome == state.value


async def test_a_bill_that_another_payment_has_by_now_is_not_taken_from_it(url: str) -> None:
    late, other = outpatient("L1"), outpatient("L2")
    async with Database(url, Keyring.generate()) as database:
        await given(database, late, S.EXPIRED, S.IN_REVIEW)
        await given(database, other, S.PRICED)
        async with database.begin() as unit:
            assert await unit.bill_locks.take(key_of(other), bills_of(other, AT, TERMS.payable_s), AT) is None
        with pytest.raises(ApplicationError) as refused:
            await take(Records(StepLog(database)).record_resolution, resolve(late, S.PAID))
        async with database.read() as unit:
            found = await unit.payments.find(key_of(late))

    assert (refused.value.type, "L2" in refused.value.message) == ("BILL_ALREADY_PAID", True)
    assert found is not None
    assert found.state is S.IN_REVIEW


async def test_what_people_say_is_masked_and_written_once(url: str) -> None:
    order = outpatient("L1")
    async with Database(url, Keyring.generate()) as database:
        await given(database, order, S.PAID, S.IN_REVIEW)
        said = NoteCase(
            hospital=order.hospital,
            med_org_ord=order.med_org_ord,
            revision=9,
            event=CaseEvent.PROPOSED,
            action=ReviewAction.REFUND,
            by="li",
            reason="患者110101199003070134, payAuthNo=A1",
            at=later(5),
        )
        for _ in range(2):
            await take(Records(StepLog(database)).record_case_event, said)
        async with database.read() as unit:
            (event,) = await unit.reviews.events(key_of(order), "")

    assert event.reason == "患者1101**********0134, payAuthNo=***"


@pytest.mark.parametrize("state", [S.PAID, S.SETTLED])
async def test_a_decision_that_comes_too_late_locks_no_bill_and_books_nothing(url: str, state: PaymentState) -> None:
    order, other = outpatient("L1"), outpatient("L2")
    async with Database(url, Keyring.generate()) as database:
        await given(database, order, S.PAID, S.REVERSING)
        await given(database, other, S.PRICED)
        known = await finds_row_moved(Records(StepLog(database)).record_resolution, resolve(order, state))
        async with database.begin() as unit:
            found = await unit.payments.find(key_of(order))
            assert await unit.bill_locks.take(key_of(other), bills_of(other, AT, TERMS.payable_s), AT) is None

    assert found is not None
    assert (known.state, found.state, found.note, found.settlement) == (S.REVERSING, S.REVERSING, "LATE_MONEY", None)


class TestReversed:
    """Recorded where the row says that a reversal was begun, or that people are deciding."""

    end = PaymentEnd(state=S.REVERSED, code=ErrorCode.REVERSED, message="已冲正")

    def step(self, order: Order) -> RecordEnd:
        return RecordEnd(
            hospital=order.hospital,
            med_org_ord=order.med_org_ord,
            revision=9,
            order=order,
            accepted_at=AT,
            end=self.end,
        )

    async def written(self, database: Database, order: Order) -> tuple[PaymentState, list[str]]:
        await take(Records(StepLog(database)).record_end, self.step(order))
        async with database.read() as unit:
            found = await unit.payments.find(key_of(order))
            timeline = await unit.timeline.of_payment(key_of(order))
        assert found is not None
        return found.state, [entry.name for entry in timeline if entry.kind is TimelineKind.STATE][-2:]

    async def test_a_reversal_leads_there(self, url: str) -> None:
        order = outpatient("L1")
        async with Database(url, Keyring.generate()) as database:
            await given(database, order, S.REVERSING)
            assert await self.written(database, order) == (S.REVERSED, ["REVERSING", "REVERSED"])

    async def test_a_review_leads_there_at_once(self, url: str) -> None:
        order = outpatient("L1")
        async with Database(url, Keyring.generate()) as database:
            await given(database, order, S.PAID, S.IN_REVIEW)
            assert await self.written(database, order) == (S.REVERSED, ["IN_REVIEW", "REVERSED"])
            async with database.read() as unit:
                case = await unit.reviews.find(key_of(order), "")
        assert case is not None
        assert case.outcome == "REVERSED"

    @pytest.mark.parametrize("state", [S.PAID, S.REGISTERED, S.SETTLED])
    async def test_nothing_else_does(self, url: str, state: PaymentState) -> None:
        order = outpatient("L1")
        async with Database(url, Keyring.generate()) as database:
            await given(database, order, state)
            known = await finds_row_moved(Records(StepLog(database)).record_end, self.step(order))
            async with database.read() as unit:
                assert await unit.payments.state_of(key_of(order)) is known.state is state


@pytest.mark.parametrize("known", [S.RECEIVED, S.PRICED, S.FEE_UPLOADED])
async def test_an_end_is_decided_only_in_the_state_that_is_known(url: str, known: PaymentState) -> None:
    """A run that lost a task may know less than its row, which the patient has paid on meanwhile."""
    order = outpatient("L1")
    end = PaymentEnd(state=S.REJECTED, code=ErrorCode.HIS_UNAVAILABLE, message="超时")
    step = RecordEnd(
        hospital=order.hospital,
        med_org_ord=order.med_org_ord,
        revision=99,
        known_state=known,
        order=order,
        accepted_at=AT,
        end=end,
    )
    async with Database(url, Keyring.generate()) as database:
        await given(database, order, S.PRE_SETTLED)
        moved = await finds_row_moved(Records(StepLog(database)).record_end, step)
        async with database.read() as unit:
            found = await unit.payments.find(key_of(order))

    assert (moved.state, found.state if found else None) == (S.PRE_SETTLED, S.PRE_SETTLED)


async def test_what_was_made_is_recorded_after_a_newer_write_of_another_run(url: str) -> None:
    """Two runs of one task: the frozen one's booking stays true, though the other has written PAID meanwhile."""
    order = outpatient("L1")
    step = Step(hospital=order.hospital, med_org_ord=order.med_org_ord, revision=5, known_state=S.PAID)
    async with Database(url, Keyring.generate()) as database:
        async with database.begin() as unit:
            await reach(unit, order, S.PAID, revision=50)
            await move(Decision(unit, later(60)), step, S.SETTLED, made=True)
        async with database.begin() as unit:
            with pytest.raises(RowMoved):
                await move(Decision(unit, later(61)), step.model_copy(update={"revision": 1}), S.REVERSING)
            found = await unit.payments.find(key_of(order))

    assert found is not None
    assert found.state is S.SETTLED
