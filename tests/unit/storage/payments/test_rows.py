from datetime import UTC

import pytest
from sqlalchemy import text

from domain.base import PaymentKey
from domain.errors import ErrorCode
from domain.insurance import Split
from domain.orders import Channel, Order
from domain.states import PaymentState
from domain.values.fen import Fen
from security.crypto.keyring import Keyring, SealBrokenError
from storage.records import PaymentFacts
from storage.session import Database
from storage.sql.refusals import RowRefusedError
from storage.tables import MESSAGE_CHARS_MAX
from tests.support.values.orders import outpatient, registration
from tests.support.values.records import AT, SETTLEMENT, SPLIT, key_of, later

FACTS = PaymentFacts(
    pay_ord_id="ORD1",
    pay_token="PAYTOKEN1",
    patient_type_id="310",
    ipt_otp_no="M0001",
    si_personal_no="P100001",
    balance_fen=Fen(50000),
    split=SPLIT,
    window_ends_at=later(1800),
    settlement=SETTLEMENT,
    visit_id="V9",
    registered_by_us=True,
    settlement_no="S1",
    error_code=ErrorCode.REVERSED,
    error_message="已冲正",
    note="WORD",
)


async def record(database: Database, order: Order, facts: PaymentFacts | None = None, revision: int = 1) -> None:
    async with database.begin() as unit:
        await unit.payments.receive(order, AT)
        await unit.payments.record(key_of(order), revision, later(1), state=PaymentState.PRICED, facts=facts)


class TestRoundTrip:
    @pytest.mark.parametrize(
        "order",
        [
            outpatient("ROW1", order_ids=("300001", "300002"), patient_name="张三", visit_id="V1"),
            registration("ROW2", channel=Channel.ALIPAY, hospital="city_2"),
        ],
        ids=["outpatient", "registration"],
    )
    async def test_an_order_comes_back_whole(self, database: Database, order: Order) -> None:
        await record(database, order)
        async with database.read() as unit:
            found = await unit.payments.find(key_of(order))
        assert found is not None
        assert found.order == order
        assert found.visit_id == order.visit_id

    async def test_every_fact_comes_back(self, database: Database) -> None:
        order = outpatient("ROW3")
        await record(database, order, FACTS)
        async with database.read() as unit:
            found = await unit.payments.find(key_of(order))
        assert found is not None
        assert {name: getattr(found, name) for name in PaymentFacts.model_fields} == dict(FACTS)

    async def test_facts_that_are_not_set_stay(self, database: Database) -> None:
        order = outpatient("ROW4")
        await record(database, order, FACTS)
        await record(database, order, PaymentFacts(visit_id=None, registered_by_us=False), revision=2)
        async with database.read() as unit:
            found = await unit.payments.find(key_of(order))
        assert found is not None
        assert (found.visit_id, found.registered_by_us) == (None, False)
        assert (found.pay_token, found.split, found.settlement) == (FACTS.pay_token, SPLIT, SETTLEMENT)

    async def test_times_come_back_aware_to_the_microsecond(self, database: Database) -> None:
        order = outpatient("ROW5")
        await record(database, order)
        async with database.read() as unit:
            found = await unit.payments.find(key_of(order))
        assert found is not None
        assert (found.accepted_at, found.accepted_at.tzinfo) == (AT, UTC)

    async def test_a_time_without_a_zone_is_refused(self, database: Database) -> None:
        order = outpatient("ROW6")
        with pytest.raises(Exception, match="without a zone"):
            async with database.begin() as unit:
                await unit.payments.receive(order, AT.replace(tzinfo=None))

    async def test_an_amount_beyond_32_bits_is_kept(self, database: Database) -> None:
        order = outpatient("ROW7")
        await record(database, order, PaymentFacts(balance_fen=Fen(99_999_999_999_999)))
        async with database.read() as unit:
            found = await unit.payments.find(key_of(order))
        assert found is not None
        assert found.balance_fen == 99_999_999_999_999

    async def test_a_long_message_is_cut(self, database: Database) -> None:
        order = outpatient("ROW8")
        await record(database, order, PaymentFacts(error_message="长" * 2000, note="n" * 2000))
        async with database.read() as unit:
            found = await unit.payments.find(key_of(order))
        assert found is not None
        assert (len(found.error_message), len(found.note)) == (MESSAGE_CHARS_MAX, MESSAGE_CHARS_MAX)

    async def test_hospitals_have_the_same_med_org_ord_apart(self, database: Database) -> None:
        ours, theirs = outpatient("SAME"), outpatient("SAME", hospital="other", patient_id="100002")
        await record(database, ours)
        await record(database, theirs)
        async with database.read() as unit:
            found = [await unit.payments.find(key_of(order)) for order in (ours, theirs)]
            nobody = await unit.payments.find(PaymentKey(hospital="third", med_org_ord="SAME"))
        assert [row.order.patient_id for row in found if row] == ["100001", "100002"]
        assert nobody is None


class TestChecks:
    @pytest.mark.parametrize(
        "facts",
        [
            PaymentFacts(split=Split(**SPLIT.model_dump() | {"fund_fen": -1})),
            PaymentFacts(split=Split(**SPLIT.model_dump() | {"own_pay_fen": -1})),
        ],
    )
    async def test_a_negative_part_is_refused(self, database: Database, facts: PaymentFacts) -> None:
        with pytest.raises(RowRefusedError):
            await record(database, outpatient("CHK1"), facts)
        async with database.read() as unit:
            assert await unit.payments.find(key_of(outpatient("CHK1"))) is None

    @pytest.mark.parametrize(
        "order", [outpatient("CHK2", total_fen=Fen(0)), outpatient("CHK2", total_fen=Fen(1_000_000_000))]
    )
    async def test_a_total_that_cannot_be_paid_is_refused(self, database: Database, order: Order) -> None:
        with pytest.raises(RowRefusedError):
            await record(database, order)

    async def test_what_the_centre_settled_is_kept_even_if_it_makes_no_sense(self, database: Database) -> None:
        order = outpatient("CHK3")
        odd = SETTLEMENT.model_copy(update={"split": Split(**SPLIT.model_dump() | {"own_pay_fen": -1})})
        await record(database, order, PaymentFacts(settlement=odd))
        async with database.read() as unit:
            found = await unit.payments.find(key_of(order))
        assert found is not None
        assert found.settlement == odd

    async def test_an_error_names_no_secret(self, database: Database) -> None:
        order = outpatient("CHK4", total_fen=Fen(0))
        with pytest.raises(RowRefusedError) as caught:
            await record(database, order)
        assert "AUTHCHK4" not in str(caught.value)
        assert "110101199003070134" not in str(caught.value)

    @pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
    async def test_nor_does_it_list_the_values(self, database: Database) -> None:
        order = outpatient("CHK5", total_fen=Fen(0), patient_id="PATIENT-MARKER")
        with pytest.raises(RowRefusedError) as caught:
            await record(database, order)
        assert "PATIENT-MARKER" not in str(caught.value)


class TestSealedColumns:
    async def test_another_keyring_opens_nothing(self, database: Database, records_url: str) -> None:
        order = outpatient("SEAL1")
        await record(database, order)
        async with Database(records_url, Keyring.generate()) as stranger, stranger.read() as unit:
            with pytest.raises(SealBrokenError):
                await unit.payments.find(key_of(order))

    async def test_a_sealed_text_moved_to_another_row_does_not_open(self, database: Database) -> None:
        for order in (outpatient("SEAL2"), outpatient("SEAL3")):
            await record(database, order)
        async with database._engines.writer.begin() as connection:
            moved = "SELECT id_no_sealed FROM payment WHERE med_org_ord = 'SEAL2'"
            await connection.execute(text(f"UPDATE payment SET id_no_sealed = ({moved}) WHERE med_org_ord = 'SEAL3'"))  # noqa: S608 - our own text
        async with database.read() as unit:
            assert await unit.payments.find(key_of(outpatient("SEAL2"))) is not None
            with pytest.raises(SealBrokenError):
                await unit.payments.find(key_of(outpatient("SEAL3")))
