"""Of the payments of one bill, one is live, whoever comes at the same instant (product rule 3)."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.orders import Order, bills_of
from domain.states import RELEASING, PaymentState
from domain.values.china_time import from_china
from storage.session import Database
from tests.support.stack.recorded import reach
from tests.support.values.orders import TERMS, outpatient, registration
from tests.support.values.records import AT, key_of, later

S = PaymentState
ONE, TWO = ("prescription:1",), ("prescription:1", "prescription:2")


async def received(database: Database, *orders: Order) -> None:
    async with database.begin() as unit:
        for order in orders:
            await reach(unit, order, PaymentState.PRICED, at=AT)


async def take(database: Database, order: Order, bills: Sequence[str]) -> str | None:
    async with database.begin() as unit:
        return await unit.bill_locks.take(key_of(order), bills, AT)


async def comes_to(database: Database, order: Order, *states: PaymentState) -> None:
    async with database.begin() as unit:
        await reach(unit, order, *states, revision=2, at=later(1))


class TestTheBills:
    def test_are_the_prescriptions_in_one_order_for_all(self) -> None:
        one = bills_of(outpatient("A", order_ids=("2", "1")), AT, TERMS.payable_s)
        other = bills_of(outpatient("B", order_ids=("1", "2")), AT, TERMS.payable_s)
        assert one == other == ("prescription:1", "prescription:2")

    def test_a_registration_is_the_patients_at_a_clinic_on_a_chinese_day(self) -> None:
        today = bills_of(registration("A"), AT, TERMS.payable_s)
        assert today == ("registration:2026-01-05:100001:200001",)
        assert bills_of(registration("B"), later(16 * 3600), TERMS.payable_s) != today
        assert bills_of(registration("C", clinic_id="200002"), AT, TERMS.payable_s) != today
        assert bills_of(registration("D", patient_id="100002"), AT, TERMS.payable_s) != today


_CLINIC = {"patient_id": "100001", "clinic_id": "200001"}


class TestMidnight:
    """Until an order of yesterday can no longer be paid, today's is of the same bill."""

    @pytest.mark.parametrize(
        ("accepted", "payable_s", "days"),
        [
            ("2026-01-05 23:59:59", 1800, ["2026-01-05"]),
            ("2026-01-06 00:00:00", 1800, ["2026-01-05", "2026-01-06"]),
            ("2026-01-06 00:29:59", 1800, ["2026-01-05", "2026-01-06"]),
            ("2026-01-06 00:30:00", 1800, ["2026-01-06"]),
            ("2026-01-06 00:30:00", 1801, ["2026-01-05", "2026-01-06"]),
            ("2026-01-06 12:00:00", 1800, ["2026-01-06"]),
            ("2026-01-01 00:00:10", 60, ["2025-12-31", "2026-01-01"]),
            ("2026-01-06 00:01:00", 30, ["2026-01-06"]),
            ("2026-01-06 18:00:00", 86_400, ["2026-01-05", "2026-01-06"]),
            ("2026-01-06 00:00:00", 86_400, ["2026-01-05", "2026-01-06"]),
            ("2026-01-06 18:00:00", 172_800, ["2026-01-04", "2026-01-05", "2026-01-06"]),
        ],
    )
    def test_the_days_of_a_registration(self, accepted: str, payable_s: int, days: list[str]) -> None:
        bills = bills_of(registration("A", **_CLINIC), from_china(accepted), payable_s)
        assert bills == tuple(f"registration:{day}:100001:200001" for day in days)

    @given(
        first_s=st.integers(0, 366 * 86_400),
        after_s=st.integers(0, 200_000),
        payable_s=st.integers(1, 180_000),
    )
    def test_two_that_could_both_be_paid_collide(self, first_s: int, after_s: int, payable_s: int) -> None:
        earlier, order = later(first_s), registration("A")
        later_on = earlier + timedelta(seconds=min(after_s, payable_s))
        assert {*bills_of(order, earlier, payable_s)} & {*bills_of(order, later_on, payable_s)}

    async def test_the_later_one_finds_the_earlier(self, database: Database) -> None:
        late, early = from_china("2026-01-05 23:59:00"), from_china("2026-01-06 00:01:00")
        first, second = registration("FIRST"), registration("SECOND")
        await received(database, first, second)
        assert await take(database, first, bills_of(first, late, TERMS.payable_s)) is None
        assert await take(database, second, bills_of(second, early, TERMS.payable_s)) == "FIRST"

    @pytest.mark.parametrize("end", [S.SETTLED, S.CANCELLED, S.REVERSED])
    async def test_another_registration_may_follow_the_end_of_the_first(
        self, database: Database, end: PaymentState
    ) -> None:
        late, early = from_china("2026-01-05 23:59:00"), from_china("2026-01-06 00:01:00")
        first, second, third = (registration(name) for name in ("FIRST", "SECOND", "THIRD"))
        await received(database, first, second, third)
        await take(database, first, bills_of(first, late, TERMS.payable_s))
        await comes_to(database, first, end)
        assert await take(database, second, bills_of(second, early, TERMS.payable_s)) is None
        # It holds its own day too.
        noon = from_china("2026-01-06 12:00:00")
        assert await take(database, third, bills_of(third, noon, TERMS.payable_s)) == "SECOND"


class TestOneHasIt:
    async def test_the_next_is_told_who(self, database: Database) -> None:
        first, second = outpatient("FIRST"), outpatient("SECOND")
        await received(database, first, second)
        assert await take(database, first, ONE) is None
        assert await take(database, second, ONE) == "FIRST"

    async def test_its_owner_may_take_it_again(self, database: Database) -> None:
        order = outpatient("FIRST")
        await received(database, order)
        assert [await take(database, order, TWO) for _ in range(2)] == [None, None]

    async def test_all_of_a_payments_bills_or_none(self, database: Database) -> None:
        first, second, third = (outpatient(number) for number in ("FIRST", "SECOND", "THIRD"))
        await received(database, first, second, third)
        assert await take(database, first, ("prescription:2",)) is None
        assert await take(database, second, TWO) == "FIRST"
        assert await take(database, third, ONE) is None

    async def test_another_hospital_has_its_own(self, database: Database) -> None:
        first, second = outpatient("FIRST"), outpatient("FIRST", hospital="other")
        await received(database, first, second)
        assert await take(database, first, ONE) is None
        assert await take(database, second, ONE) is None

    async def test_at_the_same_instant_in_opposite_orders(self, records_url: str, database: Database) -> None:
        """As from two processes, each with connections of its own: one winner each time, and nobody waits for ever."""
        pairs = [(outpatient(f"L{pair}"), outpatient(f"R{pair}")) for pair in range(20)]
        await received(database, *(order for pair in pairs for order in pair))
        async with Database(records_url, database._keyring) as other:
            for number, (left, right) in enumerate(pairs):
                bills = tuple(sorted((f"prescription:{number}", f"prescription:{number + 1000}")))
                told = await asyncio.gather(take(database, left, bills), take(other, right, bills))
                assert sorted(map(str, told)) in (["L" + str(number), "None"], ["None", "R" + str(number)])


class TestItIsGivenFree:
    @pytest.mark.parametrize(
        "way",
        [
            [PaymentState.REJECTED],
            [PaymentState.FEE_UPLOADED, PaymentState.PRE_SETTLED, PaymentState.EXPIRED],
            [PaymentState.CANCELLED],
            [PaymentState.PAID, PaymentState.REVERSING, PaymentState.REVERSED],
            [PaymentState.SETTLED, PaymentState.PARTIALLY_REFUNDED, PaymentState.REFUNDED],
        ],
        ids=lambda way: way[-1],
    )
    async def test_by_an_end_without_money(self, database: Database, way: list[PaymentState]) -> None:
        first, second = outpatient("FIRST"), outpatient("SECOND")
        await received(database, first, second)
        await take(database, first, TWO)
        await comes_to(database, first, *way)
        assert way[-1] in RELEASING
        assert await take(database, second, TWO) is None

    @pytest.mark.parametrize("state", [PaymentState.SETTLED, PaymentState.PARTIALLY_REFUNDED, PaymentState.IN_REVIEW])
    async def test_not_while_the_money_is_there(self, database: Database, state: PaymentState) -> None:
        first, second = outpatient("FIRST"), outpatient("SECOND")
        await received(database, first, second)
        await take(database, first, ONE)
        await comes_to(database, first, PaymentState.PAID, state)
        assert await take(database, second, ONE) == "FIRST"

    async def test_by_a_settled_registration(self, database: Database) -> None:
        first, second = registration("FIRST"), registration("SECOND")
        await received(database, first, second)
        await take(database, first, bills_of(first, AT, TERMS.payable_s))
        await comes_to(database, first, PaymentState.PAID, PaymentState.SETTLED)
        assert await take(database, second, bills_of(second, AT, TERMS.payable_s)) is None

    async def test_and_a_payment_that_is_over_locks_nothing(self, database: Database) -> None:
        """An activity that was given up for dead, and finishes late."""
        late, other = outpatient("LATE"), outpatient("OTHER")
        await received(database, late, other)
        await comes_to(database, late, PaymentState.REJECTED)
        assert await take(database, late, ONE) is None
        assert await take(database, other, ONE) is None
