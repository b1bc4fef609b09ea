"""The centre's notices (6302): kept whatever they are about, found again on a payment's timeline."""

from uuid import uuid4

import pytest

from domain.base import PaymentKey
from domain.states import PaymentState
from storage.evidence.timeline import NOTICES_SHOWN_MAX
from storage.records import PaymentFacts, ReceivedNotice, TimelineEntry, TimelineKind
from storage.session import Database, Unit
from storage.tables import MESSAGE_CHARS_MAX
from tests.support.stack.database import rows
from tests.support.values.orders import outpatient
from tests.support.values.records import AT, key_of, later

NOBODY = PaymentKey(hospital="main", med_org_ord="")


def notice(digest: str, ord_stas: str = "6", message: str = "已转交") -> ReceivedNotice:
    return ReceivedNotice(
        pay_ord_id="ORD1", ord_stas=ord_stas, received_at=later(5), message=message, signature_digest=digest
    )


async def keep(database: Database, key: PaymentKey, ord_stas: str = "6", message: str = "已转交") -> int:
    async with database.begin() as unit:
        return (await unit.notices.keep(key, notice(uuid4().hex, ord_stas, message))).id


async def noticed(unit: Unit, key: PaymentKey) -> list[TimelineEntry]:
    return [entry for entry in await unit.timeline.of_payment(key) if entry.kind is TimelineKind.NOTICE]


async def ordered(database: Database, med_org_ord: str, pay_ord_id: str | None, hospital: str = "main") -> PaymentKey:
    order = outpatient(med_org_ord, hospital=hospital)
    facts = PaymentFacts(pay_ord_id=pay_ord_id)
    async with database.begin() as unit:
        await unit.payments.receive(order, AT)
        await unit.payments.record(key_of(order), 1, AT, state=PaymentState.PRICED, facts=facts)
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
                kept.append(await unit.notices.keep(key, notice("digest", message=message)))
        assert kept[0] == kept[1]
        assert kept[1].followed is None
        async with database.begin() as unit:
            await unit.notices.remark(kept[0].id, "已核实", AT)
            again = await unit.notices.keep(key, notice("digest", message="又来一次"))
            elsewhere = await unit.notices.keep(
                NOBODY.model_copy(update={"hospital": "west"}), notice("digest", ord_stas="")
            )
        assert again == (kept[0].id, "已核实")
        assert elsewhere.id != kept[0].id
        async with database.read() as unit:
            assert [entry.message for entry in await noticed(unit, key)] == ["ordStas 6: 已核实"]

    async def test_each_time_another_comes(self, database: Database) -> None:
        key = await ordered(database, "TWICE", "ORD1")
        assert await keep(database, key) != await keep(database, key)
        async with database.read() as unit:
            assert len(await noticed(unit, key)) == 2

    async def test_and_shown_up_to_a_limit_the_latest_ones(self, database: Database) -> None:
        key = await ordered(database, "MANY", "ORD1")
        async with database.begin() as unit:
            for number in range(NOTICES_SHOWN_MAX + 2):
                await unit.notices.keep(key, notice(f"digest-{number}", "", f"{number}"))
        async with database.read() as unit:
            shown = [entry.message for entry in await noticed(unit, key)]
        assert shown == [f"{number}" for number in range(2, NOTICES_SHOWN_MAX + 2)]

    async def test_with_what_came_of_it(self, database: Database) -> None:
        key = await ordered(database, "REMARK", "ORD1")
        first, second = await keep(database, key), await keep(database, key)
        async with database.begin() as unit:
            await unit.notices.remark(second, "长" * 2000)
        async with database.read() as unit:
            one, other = await noticed(unit, key)
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
            timeline = await unit.timeline.of_payment(key)
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
