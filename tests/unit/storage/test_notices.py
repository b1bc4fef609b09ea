"""The centre's notices (6302): kept whatever they are about, found again on a payment's timeline."""

from uuid import uuid4

import pytest

from domain.base import PaymentKey
from domain.states import PaymentState
from storage.notices import SHOWN_MAX
from storage.records import PaymentFacts, TimelineEntry, TimelineKind
from storage.session import Database
from storage.tables import MESSAGE_CHARS_MAX
from tests.support.orders import outpatient
from tests.support.records import AT, key_of, later, rows

NOBODY = PaymentKey(hospital="main", med_org_ord="")


async def keep(database: Database, key: PaymentKey, ord_stas: str = "6", message: str = "已转交") -> int:
    async with database.begin() as unit:
        return (await unit.notices.keep(key, "ORD1", ord_stas, later(5), message, uuid4().hex)).id


async def ordered(database: Database, med_org_ord: str, pay_ord_id: str | None, hospital: str = "main") -> PaymentKey:
    order = outpatient(med_org_ord, hospital=hospital)
    facts = PaymentFacts(pay_ord_id=pay_ord_id)
    async with database.begin() as unit:
        await unit.payments.record(key_of(order), 1, AT, state=PaymentState.PRICED, facts=facts, order=order)
    return key_of(order)


class TestKept:
    async def test_also_about_an_order_that_we_do_not_know(self, database: Database) -> None:
        await keep(database, NOBODY)
        await keep(database, PaymentKey(hospital="main", med_org_ord="LATER"))
        found = await rows(database._engines.reader, "SELECT med_org_ord, pay_ord_id FROM settlement_notice")
        assert sorted(row["med_org_ord"] for row in found) == ["", "LATER"]
        assert {row["pay_ord_id"] for row in found} == {"ORD1"}

    async def test_once_if_it_is_the_same_notice(self, database: Database) -> None:
        key = await ordered(database, "SAME", "ORD1")
        kept = []
        for message in ("已转交", "又来一次"):
            async with database.begin() as unit:
                kept.append(await unit.notices.keep(key, "ORD1", "6", AT, message, "digest"))
        assert kept[0] == kept[1]
        assert kept[1].followed is None
        async with database.begin() as unit:
            await unit.notices.remark(kept[0].id, "已核实", AT)
            again = await unit.notices.keep(key, "ORD1", "6", later(5), "又来一次", "digest")
            elsewhere = await unit.notices.keep(
                NOBODY.model_copy(update={"hospital": "west"}), "", "", AT, "", "digest"
            )
        assert again == (kept[0].id, "已核实")
        assert elsewhere.id != kept[0].id
        async with database.read() as unit:
            assert [entry.message for entry in await unit.notices.timeline(key)] == ["ordStas 6: 已核实"]

    async def test_each_time_another_comes(self, database: Database) -> None:
        key = await ordered(database, "TWICE", "ORD1")
        assert await keep(database, key) != await keep(database, key)
        async with database.read() as unit:
            assert len(await unit.notices.timeline(key)) == 2

    async def test_and_shown_up_to_a_limit_the_latest_ones(self, database: Database) -> None:
        key = await ordered(database, "MANY", "ORD1")
        async with database.begin() as unit:
            for number in range(SHOWN_MAX + 2):
                await unit.notices.keep(key, "ORD1", "", AT, f"{number}", f"digest-{number}")
        async with database.read() as unit:
            shown = [entry.message for entry in await unit.notices.timeline(key)]
        assert shown == [f"{number}" for number in range(2, SHOWN_MAX + 2)]

    async def test_with_what_came_of_it(self, database: Database) -> None:
        key = await ordered(database, "REMARK", "ORD1")
        first, second = await keep(database, key), await keep(database, key)
        async with database.begin() as unit:
            await unit.notices.remark(second, "长" * 2000)
        async with database.read() as unit:
            one, other = await unit.notices.timeline(key)
        assert first < second
        assert one.message == "ordStas 6: 已转交"
        assert other.message == "ordStas 6: " + "长" * MESSAGE_CHARS_MAX


class TestOnTheTimeline:
    async def test_between_the_states(self, database: Database) -> None:
        key = await ordered(database, "TIME1", "ORD1")
        await keep(database, key, ord_stas="")
        async with database.begin() as unit:
            await unit.payments.record(key, 2, later(9), state=PaymentState.FEE_UPLOADED)
        async with database.read() as unit:
            timeline = await unit.payments.timeline(key)
        assert [entry.name for entry in timeline] == ["RECEIVED", "PRICED", "6302", "FEE_UPLOADED"]
        assert timeline[2] == TimelineEntry(at=later(5), kind=TimelineKind.NOTICE, name="6302", message="已转交")


class TestWhoseOrder:
    @pytest.mark.parametrize(
        ("hospital", "pay_ord_id", "owner"),
        [
            ("main", "ORD1", "A"),
            ("main", "ORD2", "B"),
            ("west", "ORD1", "A"),
            ("west", "ORD2", None),
            ("main", "", None),
        ],
    )
    async def test_is_told_by_pay_ord_id(
        self, database: Database, hospital: str, pay_ord_id: str, owner: str | None
    ) -> None:
        await ordered(database, "A", "ORD1")
        await ordered(database, "B", "ORD2")
        await ordered(database, "C", None)
        await ordered(database, "A", "ORD1", hospital="west")
        async with database.read() as unit:
            found = await unit.notices.about(hospital, pay_ord_id)
        assert found == (owner and PaymentKey(hospital=hospital, med_org_ord=owner))
