"""A case opens and closes with its payment's row, and keeps who did what."""

import pytest

from domain.base import PaymentKey
from domain.errors import ErrorCode
from domain.reviews import CaseEvent, ReviewAction
from domain.states import PaymentState
from domain.values.fen import Fen
from storage.records import CaseEventRecord, CaseOpening, CaseRecord, PaymentFacts, TimelineKind
from storage.session import Database
from tests.support.stack.recorded import reach
from tests.support.values.orders import outpatient
from tests.support.values.records import AT, SETTLEMENT, SPLIT, key_of, later

ORDER = outpatient("R1")
KEY = key_of(ORDER)
S = PaymentState


async def goes_through(database: Database, *states: PaymentState, **facts: object) -> None:
    """The row comes to these states, with the facts of a review."""
    reviewed = {"error_code": ErrorCode.IN_REVIEW, "error_message": "已转人工核查", "note": "HIS_OUTCOME_UNKNOWN"}
    async with database.begin() as unit:
        await reach(unit, ORDER, *states, facts=PaymentFacts(**(reviewed | facts)))


def opening(
    workflow_id: str, key: PaymentKey = KEY, refund_no: str = "", reason: str = "REFUND_UNKNOWN"
) -> CaseOpening:
    return CaseOpening(
        key=key,
        refund_no=refund_no,
        workflow_id=workflow_id,
        reason=reason,
        message="",
        at_risk_fen=Fen(5),
        opened_at=later(9),
    )


async def the_case(database: Database) -> CaseRecord | None:
    async with database.read() as unit:
        return await unit.reviews.find(KEY, "")


async def open_numbers(database: Database, cursor: int = 0, limit: int = 10) -> list[str]:
    async with database.read() as unit:
        return [case.key.med_org_ord for case in await unit.reviews.open_cases("main", cursor, limit)]


class TestACase:
    async def test_opens_with_the_payments_row(self, database: Database) -> None:
        await goes_through(database, S.PAID, S.IN_REVIEW, settlement=SETTLEMENT)

        case = await the_case(database)

        assert case is not None
        assert (case.reason, case.message, case.at_risk_fen) == ("HIS_OUTCOME_UNKNOWN", "已转人工核查", 12850)
        assert (case.workflow_id, case.opened_at, case.deadline) == (
            "payment-main-R1",
            later(2),
            SETTLEMENT.reversal_deadline,
        )
        assert (case.closed_at, case.outcome) == (None, None)

    @pytest.mark.parametrize(
        ("facts", "at_risk_fen"),
        [
            ({}, 0),
            ({"pay_ord_id": "ORD1"}, 12850),
            ({"split": SPLIT}, 12850),
            ({"settlement": SETTLEMENT, "note": "VISIT_NOT_CANCELLED"}, 0),
            (
                {"settlement": SETTLEMENT.model_copy(update={"split": SPLIT.model_copy(update={"fee_sum_fen": -1})})},
                0,
            ),
        ],
        ids=["nothing uploaded", "no split", "pre-settled", "money is back", "the centre says nonsense"],
    )
    async def test_says_how_much_is_at_risk(
        self, database: Database, facts: dict[str, object], at_risk_fen: int
    ) -> None:
        await goes_through(database, S.PAID, S.IN_REVIEW, **facts)

        case = await the_case(database)

        assert case is not None
        assert case.at_risk_fen == at_risk_fen

    async def test_opens_once(self, database: Database) -> None:
        await goes_through(database, S.PAID, S.IN_REVIEW)
        async with database.begin() as unit:
            await unit.reviews.opened(opening("another", reason="STILL_PAYING"))

        case = await the_case(database)

        assert case is not None
        assert case.reason == "HIS_OUTCOME_UNKNOWN"
        assert await open_numbers(database) == ["R1"]

    @pytest.mark.parametrize("state", [S.PAID, S.REVERSING, S.SETTLED, S.REVERSED, S.CANCELLED, S.REJECTED, S.EXPIRED])
    async def test_closes_when_the_payment_leaves_it(self, database: Database, state: PaymentState) -> None:
        await goes_through(database, S.PAID, S.IN_REVIEW, state)

        case = await the_case(database)

        assert case is not None
        assert (case.closed_at, case.outcome) == (later(3), state.value)
        assert await open_numbers(database) == []

    async def test_may_be_followed_by_another(self, database: Database) -> None:
        await goes_through(database, S.PAID, S.IN_REVIEW, S.REVERSING, S.IN_REVIEW, note="REVERSAL_REFUSED")

        case = await the_case(database)

        assert case is not None
        assert (case.opened_at, case.closed_at) == (later(4), None)

    async def test_of_a_refund_is_its_own(self, database: Database) -> None:
        await goes_through(database, S.PAID, S.IN_REVIEW)
        async with database.begin() as unit:
            await unit.reviews.opened(opening("refund-main-R1:RF1", refund_no="RF1"))
            await unit.reviews.closed(KEY, "RF1", "REFUNDED", later(10))
        async with database.read() as unit:
            refund = await unit.reviews.find(KEY, "RF1")

        assert refund is not None
        assert (refund.workflow_id, refund.outcome) == ("refund-main-R1:RF1", "REFUNDED")
        assert await open_numbers(database) == ["R1"]


class TestThePage:
    async def test_is_bounded_and_goes_on_after_its_cursor(self, database: Database) -> None:
        async with database.begin() as unit:
            for number in ("P1", "P2", "P3"):
                order = outpatient(number)
                await unit.payments.receive(order, AT)
                await unit.payments.record(key_of(order), 1, AT, state=S.RECEIVED)
                await unit.reviews.opened(opening(order.workflow_id, key=key_of(order)))
            (first,) = await unit.reviews.open_cases("main", 0, 1)

        assert await open_numbers(database, first.id) == ["P2", "P3"]
        assert await open_numbers(database, limit=2) == ["P1", "P2"]


class TestEvents:
    async def test_are_kept_in_order_and_written_once(self, database: Database) -> None:
        await goes_through(database, S.PAID, S.IN_REVIEW)
        told = [
            CaseEventRecord(event=CaseEvent.PROPOSED, action=ReviewAction.BOOK, by="li", reason="已核实", at=later(3)),
            CaseEventRecord(event=CaseEvent.APPROVED, action=ReviewAction.BOOK, by="wu", reason="已核实", at=later(4)),
        ]
        async with database.begin() as unit:
            for event in (told[0], told[0], told[1]):
                await unit.reviews.noted(KEY, "", event)
        async with database.read() as unit:
            assert await unit.reviews.events(KEY, "") == told
            assert await unit.reviews.events(KEY, "RF1") == []
            timeline = await unit.timeline.of_payment(KEY)

        assert [entry.message for entry in timeline if entry.kind is TimelineKind.DECISION] == [
            "proposed li: 已核实",
            "approved wu: 已核实",
        ]
