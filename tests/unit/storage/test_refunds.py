"""A refund's row and the payment's: reserved together, ended together, never more than was paid."""

import asyncio

import pytest

from domain.errors import ErrorCode, PaymentError
from domain.insurance import RefundParts, RefundType
from domain.refunds import RefundEnd, RefundOrder
from domain.states import PaymentState, RefundState
from domain.values.fen import Fen
from storage.records import PaymentFacts, PaymentRecord, RefundRecord, TimelineKind
from storage.session import Database
from tests.support.stack.database import rows
from tests.support.stack.recorded import reach
from tests.support.values.orders import outpatient
from tests.support.values.records import AT, SETTLEMENT, SPLIT, key_of, later
from tests.support.waiting import WAIT_S_MAX

ORDER = outpatient("RFD1")
KEY = key_of(ORDER)
NOTHING, ALL = RefundParts(), RefundParts(own_pay_fen=Fen(2570), psn_acct_fen=Fen(2570), fund_fen=Fen(7710))
MADE, PART_MADE = RefundEnd(state=RefundState.REFUNDED), RefundEnd(state=RefundState.PARTIALLY_REFUNDED)
FAILED = RefundEnd(state=RefundState.REFUND_FAILED, code=ErrorCode.INSURANCE_REFUSED, message="已过期")
REVIEWED = RefundEnd(state=RefundState.IN_REVIEW, code=ErrorCode.IN_REVIEW, message="结果未知", note="UNKNOWN")


@pytest.fixture(autouse=True)
async def payment(database: Database) -> None:
    """Settled: 25.70 cash, 25.70 account, 77.10 fund. Its bill is locked."""
    facts = PaymentFacts(split=SPLIT, settlement=SETTLEMENT)
    async with database.begin() as unit:
        await reach(unit, ORDER, PaymentState.PRICED, at=AT)
        await unit.bill_locks.take(KEY, ["prescription:300001"], AT)
        await reach(unit, ORDER, PaymentState.SETTLED, facts=facts, revision=7, at=AT)


def wish(refund_no: str) -> RefundOrder:
    return RefundOrder(
        hospital=KEY.hospital,
        med_org_ord=KEY.med_org_ord,
        refund_no=refund_no,
        refund_type=RefundType.CASH,
        pay_auth_no="RFD-AUTH-MARKER",
        reason="退药",
        requested_by="wechat",
    )


def cash(fen: int) -> RefundParts:
    return RefundParts(own_pay_fen=Fen(fen))


async def reserve(database: Database, refund_no: str, parts: RefundParts, before: RefundParts = NOTHING) -> bool:
    async with database.begin() as unit:
        return await unit.refunds.reserve(wish(refund_no), parts, before, later(1))


async def end(database: Database, refund_no: str, to: RefundEnd, refd_sn: str = "") -> bool:
    async with database.begin() as unit:
        return await unit.refunds.end(KEY, refund_no, to, later(2), refd_sn)


async def found(database: Database, refund_no: str) -> tuple[PaymentRecord, RefundRecord]:
    async with database.read() as unit:
        record, refund = await unit.payments.find(KEY), await unit.refunds.find(KEY, refund_no)
    assert record is not None
    assert refund is not None
    return record, refund


class TestReserving:
    async def test_takes_the_parts_and_the_turn(self, database: Database) -> None:
        assert await reserve(database, "R1", ALL)
        record, refund = await found(database, "R1")
        assert (record.refunded, record.refunding, record.state) == (ALL, "R1", PaymentState.SETTLED)
        assert (refund.state, refund.parts, refund.app_refd_sn) == (RefundState.REFUNDING, ALL, "RFD1:R1")
        assert (refund.requested_by, refund.requested_at) == ("wechat", later(1))

    async def test_waits_for_its_turn(self, database: Database) -> None:
        assert await reserve(database, "R1", cash(1))
        assert not await reserve(database, "R2", cash(1), before=cash(1))

    async def test_never_exceeds_what_was_paid(self, database: Database) -> None:
        assert not await reserve(database, "R1", cash(2571))
        assert await reserve(database, "R1", cash(2570))
        assert await end(database, "R1", PART_MADE)
        assert not await reserve(database, "R2", cash(1), before=cash(2570))

    async def test_is_of_what_was_seen(self, database: Database) -> None:
        assert not await reserve(database, "R1", cash(1), before=cash(5))

    async def test_is_only_of_a_settled_payment(self, database: Database) -> None:
        other = outpatient("RFD2")
        async with database.begin() as unit:
            await reach(unit, other, PaymentState.PAID, at=AT)
            order = wish("R1").model_copy(update={"med_org_ord": "RFD2"})
            assert not await unit.refunds.reserve(order, NOTHING, NOTHING, AT)

    async def test_at_once_is_one_at_a_time(self, database: Database) -> None:
        """Eight at once, each of a third of the cash, each on what it has seen: the first alone gets its turn."""
        got = await asyncio.gather(*(reserve(database, f"R{at}", cash(800)) for at in range(8)))
        assert got.count(True) == 1
        async with database.read() as unit:
            assert len(await unit.refunds.of_payment(KEY)) == 1

    async def test_at_once_again_and_again_never_exceeds(self, database: Database) -> None:
        """Ten refunds of 8.00 fight for 25.70, looking again each time, until nothing is left for any of them."""

        async def fight(refund_no: str) -> bool:
            while True:
                async with database.read() as unit:
                    record = await unit.payments.find(KEY)
                assert record is not None
                if record.refunded.own_pay_fen + 800 > 2570 and not record.refunding:
                    return False
                if not record.refunding and await reserve(database, refund_no, cash(800), record.refunded):
                    return await end(database, refund_no, PART_MADE)
                await asyncio.sleep(0)

        async with asyncio.timeout(WAIT_S_MAX):
            got = await asyncio.gather(*(fight(f"R{at}") for at in range(10)))
        assert got.count(True) == 3
        record, _ = await found(database, f"R{got.index(True)}")
        assert (record.refunded, record.refunding) == (cash(2400), "")


class TestAGoodEnd:
    async def test_shows_in_the_payment_and_frees_the_turn(self, database: Database) -> None:
        await reserve(database, "R1", cash(100))
        assert await end(database, "R1", PART_MADE, refd_sn="RF1")
        record, refund = await found(database, "R1")
        assert (record.state, record.refunded, record.refunding) == (
            PaymentState.PARTIALLY_REFUNDED,
            cash(100),
            "",
        )
        assert (refund.state, refund.refd_sn, refund.error_code) == (RefundState.PARTIALLY_REFUNDED, "RF1", None)
        assert await reserve(database, "R2", cash(1), before=cash(100))

    async def test_of_everything_gives_the_bill_free(self, database: Database) -> None:
        await reserve(database, "R1", ALL)
        await end(database, "R1", MADE)
        assert (await found(database, "R1"))[0].state is PaymentState.REFUNDED
        locks = await rows(database._engines.reader, "SELECT released_at FROM bill_lock")
        assert [lock["released_at"] is not None for lock in locks] == [True]

    async def test_of_a_part_keeps_the_bill(self, database: Database) -> None:
        await reserve(database, "R1", cash(1))
        await end(database, "R1", PART_MADE)
        locks = await rows(database._engines.reader, "SELECT released_at FROM bill_lock")
        assert [lock["released_at"] for lock in locks] == [None]

    async def test_is_written_once(self, database: Database) -> None:
        await reserve(database, "R1", ALL)
        assert [await end(database, "R1", MADE), await end(database, "R1", MADE)] == [True, False]
        assert not await end(database, "R1", FAILED)
        assert (await found(database, "R1"))[0].refunded == ALL

    async def test_is_not_taken_back_by_the_payments_own_workflow(self, database: Database) -> None:
        """It may write that HIS has booked once more, with a newer revision, when the money is on its way back."""
        await reserve(database, "R1", ALL)
        await end(database, "R1", MADE)
        async with database.begin() as unit:
            assert not await unit.payments.record(KEY, 9, later(9), state=PaymentState.SETTLED)
        assert (await found(database, "R1"))[0].state is PaymentState.REFUNDED


class TestTheCaller:
    async def test_is_told_of_each_that_leaves_the_payment_as_it_was(self, database: Database) -> None:
        await reserve(database, "R1", cash(100))
        await end(database, "R1", PART_MADE)
        await reserve(database, "R2", cash(100), cash(100))
        await end(database, "R2", PART_MADE)
        told = await rows(database._engines.reader, "SELECT event, refund_no FROM notification ORDER BY id")
        assert [(row["event"], row["refund_no"]) for row in told[-2:]] == [
            ("payment.partially_refunded", "R1"),
            ("payment.partially_refunded", "R2"),
        ]

    async def test_is_told_that_one_is_under_review(self, database: Database) -> None:
        await reserve(database, "R1", cash(100))
        await end(database, "R1", REVIEWED)
        told = await rows(database._engines.reader, "SELECT event, refund_no FROM notification ORDER BY id")
        assert (told[-1]["event"], told[-1]["refund_no"]) == ("payment.in_review", "R1")


class TestABadEnd:
    async def test_gives_the_reservation_back(self, database: Database) -> None:
        await reserve(database, "R1", ALL)
        assert await end(database, "R1", FAILED)
        record, refund = await found(database, "R1")
        assert (record.state, record.refunded, record.refunding) == (PaymentState.SETTLED, NOTHING, "")
        assert (refund.state, refund.error_code, refund.error_message) == (
            RefundState.REFUND_FAILED,
            ErrorCode.INSURANCE_REFUSED,
            "已过期",
        )
        assert not await end(database, "R1", FAILED)

    async def test_without_a_reservation_takes_none_back(self, database: Database) -> None:
        async with database.begin() as unit:
            await unit.refunds.refuse(wish("R1"), PaymentError(ErrorCode.REFUND_CONFLICT, "另一笔"), AT)
        record, refund = await found(database, "R1")
        assert (record.refunded, refund.state) == (NOTHING, RefundState.REFUND_FAILED)
        assert not await end(database, "R1", FAILED)


class TestInReview:
    async def test_keeps_the_reservation_and_opens_a_case(self, database: Database) -> None:
        await reserve(database, "R1", ALL)
        await end(database, "R1", REVIEWED)
        record, refund = await found(database, "R1")
        assert (record.refunding, record.refunded, refund.note) == ("R1", ALL, "UNKNOWN")
        async with database.read() as unit:
            case = await unit.reviews.find(KEY, "R1")
        assert case is not None
        assert (case.workflow_id, case.at_risk_fen, case.reason) == ("refund-main-RFD1:R1", 12850, "UNKNOWN")

    @pytest.mark.parametrize("decided", [MADE, FAILED])
    async def test_closes_the_case_at_its_end(self, database: Database, decided: RefundEnd) -> None:
        await reserve(database, "R1", ALL)
        await end(database, "R1", REVIEWED)
        assert await end(database, "R1", decided)
        async with database.read() as unit:
            case = await unit.reviews.find(KEY, "R1")
        assert case is not None
        assert (case.outcome, case.closed_at) == (decided.state.value, later(2))
        assert (await found(database, "R1"))[1].note == ""


class TestTheAuthorisation:
    @pytest.mark.parametrize(("to", "kept"), [(REVIEWED, True), (MADE, False), (FAILED, False)])
    async def test_is_sealed_and_gone_once_the_refund_is_over(
        self, database: Database, to: RefundEnd, *, kept: bool
    ) -> None:
        await reserve(database, "R1", ALL)
        await end(database, "R1", to)
        (row,) = await rows(database._engines.reader, "SELECT * FROM refund")
        assert (row["pay_auth_no_sealed"] is not None) is kept
        assert "RFD-AUTH-MARKER" not in str(row)


class TestTheTimeline:
    async def test_has_the_refund_and_when_his_was_told(self, database: Database) -> None:
        await reserve(database, "R1", ALL)
        await end(database, "R1", MADE)
        async with database.begin() as unit:
            await unit.refunds.told(KEY, "R1", later(3))
            await unit.refunds.told(KEY, "R1", later(4))
            entries = await unit.timeline.of_payment(KEY)
        of_refund = [(entry.name, entry.at) for entry in entries if entry.kind is TimelineKind.REFUND]
        assert of_refund == [("REFUNDING", later(1)), ("REFUNDED", later(2)), ("HIS_TOLD", later(3))]
        assert [entry.name for entry in entries if entry.kind is TimelineKind.STATE][-1] == "REFUNDED"


class TestCallsThatWereSent:
    async def test_are_counted_by_the_number_that_they_carry(self, database: Database) -> None:
        async with database.begin() as unit:
            for our_ref in ("R1", "R1", "R2"):
                await unit.calls.begin(KEY, "6203", AT, our_ref)
            assert await unit.calls.count_sent(KEY, "6203", "R1") == 2
