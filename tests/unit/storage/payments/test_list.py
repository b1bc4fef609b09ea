"""Pages of payments: the newest first, none twice and none left out, whatever comes in between."""

from typing import Any

import pytest
from sqlalchemy import Select, text
from sqlalchemy.dialects import sqlite

from domain.errors import ErrorCode
from domain.orders import Category, Channel, Order
from domain.states import PaymentState
from storage.notices import _ABOUT
from storage.payments import _listed
from storage.records import PaymentFacts, PaymentLine, PaymentQuery, Place
from storage.session import Database
from tests.support.stack.recorded import reach
from tests.support.values.orders import outpatient, registration
from tests.support.values.records import AT, later

S = PaymentState
ALL = PaymentQuery(hospital="main")


async def accepted(
    database: Database, order: Order, seconds: float, *way: PaymentState, facts: PaymentFacts | None = None
) -> None:
    at = later(seconds)
    async with database.begin() as unit:
        await reach(unit, order, *(way or (S.PRICED,)), facts=facts, at=at)


async def listed(database: Database, query: PaymentQuery = ALL, rows_max: int = 50) -> list[str]:
    async with database.read() as unit:
        return [line.med_org_ord for line in await unit.payments.page(query, rows_max)]


async def pages(database: Database, rows_max: int) -> list[list[str]]:
    found: list[list[str]] = []
    place: Place | None = None
    while True:
        async with database.read() as unit:
            page = await unit.payments.page(ALL, rows_max, place)
        if not page:
            return found
        found.append([line.med_org_ord for line in page])
        place = Place(accepted_at=page[-1].accepted_at, med_org_ord=page[-1].med_org_ord)


class TestAPage:
    async def test_shows_what_a_list_needs(self, database: Database) -> None:
        facts = PaymentFacts(pay_ord_id="ORD1", error_code=ErrorCode.EXPIRED, note="WORD")
        await accepted(database, outpatient("M1", channel=Channel.ALIPAY), 1, S.PRICED, S.EXPIRED, facts=facts)
        async with database.read() as unit:
            (line,) = await unit.payments.page(ALL, 50)
        assert line == PaymentLine(
            hospital="main",
            med_org_ord="M1",
            state=S.EXPIRED,
            state_since=later(1),
            accepted_at=later(1),
            category=Category.OUTPATIENT,
            channel=Channel.ALIPAY,
            total_fen=12850,
            pay_ord_id="ORD1",
            error_code=ErrorCode.EXPIRED,
            note="WORD",
        )

    async def test_has_the_newest_first_and_a_fixed_order_within_a_moment(self, database: Database) -> None:
        for name, seconds in (("B", 1), ("A", 1), ("C", 1), ("OLD", 0), ("NEW", 2.000001), ("NEARLY", 2)):
            await accepted(database, outpatient(name), seconds)
        assert await listed(database) == ["NEW", "NEARLY", "C", "B", "A", "OLD"]
        assert await listed(database, rows_max=2) == ["NEW", "NEARLY"]

    @pytest.mark.parametrize("rows_max", [1, 2, 3, 7])
    async def test_begins_where_the_last_one_ended(self, database: Database, rows_max: int) -> None:
        names = [f"M{number}" for number in range(7)]
        for number, name in enumerate(names):
            await accepted(database, outpatient(name), number // 3)
        found = await pages(database, rows_max)
        assert [name for page in found for name in page] == sorted(names, reverse=True)
        assert {len(page) for page in found[:-1]} <= {rows_max}

    async def test_is_one_hospital_s(self, database: Database) -> None:
        await accepted(database, outpatient("OURS"), 1)
        await accepted(database, outpatient("THEIRS", hospital="west"), 1)
        assert await listed(database) == ["OURS"]


class TestAFilter:
    @pytest.mark.parametrize(
        ("wanted", "names"),
        [
            ({"state": S.PRICED}, ["REG", "BILL"]),
            ({"state": S.REJECTED}, ["DEAD"]),
            ({"state": S.SETTLED}, []),
            ({"channel": Channel.ALIPAY}, ["REG"]),
            ({"category": Category.OUTPATIENT}, ["DEAD", "BILL"]),
            ({"category": Category.OUTPATIENT, "state": S.PRICED}, ["BILL"]),
            ({"begins": later(2)}, ["DEAD", "REG"]),
            ({"ends": later(2)}, ["BILL"]),
            ({"begins": AT, "ends": later(3)}, ["REG", "BILL"]),
        ],
    )
    async def test_leaves_what_was_asked_for(
        self, database: Database, wanted: dict[str, object], names: list[str]
    ) -> None:
        await accepted(database, outpatient("BILL"), 1)
        await accepted(database, registration("REG", channel=Channel.ALIPAY), 2)
        await accepted(database, outpatient("DEAD"), 3, S.PRICED, S.REJECTED)
        assert await listed(database, ALL.model_copy(update=wanted)) == names


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
class TestAnIndex:
    """Told by SQLite, which plans without statistics; both databases have the same ones."""

    @pytest.mark.parametrize(
        ("query", "after", "index"),
        [
            (ALL, None, "payment_by_time"),
            (ALL, Place(accepted_at=AT, med_org_ord="M1"), "payment_by_time"),
            (ALL.model_copy(update={"begins": AT, "ends": later(9)}), None, "payment_by_time"),
            (ALL.model_copy(update={"state": S.IN_REVIEW}), None, "payment_by_state"),
        ],
    )
    async def test_finds_a_page(self, database: Database, query: PaymentQuery, after: Place | None, index: str) -> None:
        assert f"INDEX {index} (" in await plan(database, _listed(query, after).limit(50))

    async def test_finds_an_order_of_the_centre_s(self, database: Database) -> None:
        about = _ABOUT.params(key_hospital="main", key_pay_ord_id="ORD1")
        assert "INDEX payment_by_pay_ord_id (" in await plan(database, about)


async def plan(database: Database, statement: Select[Any]) -> str:
    plain = statement.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    async with database._engines.reader.connect() as connection:
        found = await connection.execute(text(f"EXPLAIN QUERY PLAN {plain}"))
        return str(found.all())
