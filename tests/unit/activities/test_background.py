"""A worker deletes the tokens that can no longer serve, and the nonces that can't come again."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from activities.background import AUTHORISATION_SERVES, NUMBERS_KEPT, forget, tokens_forgotten
from domain.insurance import RefundParts, RefundType
from domain.refunds import RefundOrder
from domain.reviews import COMMAND_SERVES
from domain.states import PaymentState
from domain.values.fen import Fen
from security.crypto.keyring import Keyring
from storage.callers.commands import UsedBy
from storage.session import Database
from storage.sql.migrate import upgrade
from tests.support.stack.database import rows
from tests.support.stack.recorded import reach
from tests.support.stack.stepping import database_time
from tests.support.values.orders import outpatient
from tests.support.values.records import AT, SETTLEMENT, key_of
from tests.support.waiting import eventually


async def test_an_old_token_goes_and_the_settlement_stays(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'records.db'}"
    upgrade(url)
    order = outpatient("M1")
    async with Database(url, Keyring.generate()) as database:
        async with database.begin() as unit:
            await unit.payments.receive(order, AT)
            await unit.payments.record(key_of(order), 1, AT)
            await unit.settlements.settled(key_of(order), SETTLEMENT)

        async def forgotten() -> bool:
            async with database.read() as unit:
                found = await unit.settlements.find(key_of(order))
            return found == SETTLEMENT.model_copy(update={"revs_token": ""})

        assert not await forgotten()
        async with tokens_forgotten(database, [order.hospital]):
            await eventually(forgotten)
        assert await forgotten()


async def test_nonces_go_when_their_time_is_over(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'records.db'}"
    upgrade(url)
    async with Database(url, Keyring.generate()) as database:
        async with database.begin() as unit:
            await unit.nonces.use("main", "key", "old-nonce-0123456", datetime.now(UTC) - timedelta(seconds=1))
            await unit.nonces.use("main", "key", "new-nonce-0123456", datetime.now(UTC) + timedelta(hours=1))

        async def left() -> list[str]:
            return [row["nonce"] for row in await rows(database._engines.reader, "SELECT nonce FROM used_nonce")]

        async def is_forgotten() -> bool:
            return await left() == ["new-nonce-0123456"]

        assert len(await left()) == 2
        async with tokens_forgotten(database, []):
            await eventually(is_forgotten)


async def test_commands_and_sign_outs_go_when_they_can_not_serve_again(tmp_path: Path) -> None:
    upgrade(url := f"sqlite:///{tmp_path / 'records.db'}")
    by, expires_at = UsedBy(workflow_id="w", update_id="u", run_id="r"), AT + COMMAND_SERVES
    async with Database(url, Keyring.generate()) as database:
        async with database.begin() as unit:
            await unit.commands.use("n", by, AT, expires_at)
            await unit.ended_sessions.end("s", AT)
        for late, left in ((timedelta(0), (1, 1)), (timedelta(seconds=1), (1, 0)), (NUMBERS_KEPT * 1.01, (0, 0))):
            with database_time(AT + late):
                await forget(database, [])
            tables = [await rows(database._engines.reader, f"SELECT * FROM {name}") for name in _USED]  # noqa: S608 - a test's own
            assert tuple(map(len, tables)) == left


_USED = ("used_command", "ended_session")


async def _authorisations(database: Database, table: str) -> dict[str, bool]:
    """Which payments, or refunds, still have theirs."""
    found = await rows(database._engines.reader, f"SELECT med_org_ord, pay_auth_no_sealed AS sealed FROM {table}")  # noqa: S608 - a test's own
    return {row["med_org_ord"]: bool(row["sealed"]) for row in found}


class TestPayAuthNo:
    async def test_it_goes_with_pre_settlement_or_an_end(self, tmp_path: Path) -> None:
        upgrade(url := f"sqlite:///{tmp_path / 'records.db'}")
        way = (PaymentState.PRICED, PaymentState.FEE_UPLOADED, PaymentState.PRE_SETTLED)
        async with Database(url, Keyring.generate()) as database:
            order, refused = outpatient("M1"), outpatient("M2")
            for revision, state in enumerate(way, start=1):
                assert (await _authorisations(database, "payment")).get("M1", True)
                async with database.begin() as unit:
                    await reach(unit, order, state, revision=revision, at=AT)
            async with database.begin() as unit:
                await reach(unit, refused, PaymentState.REJECTED, at=AT)
            assert await _authorisations(database, "payment") == {"M1": False, "M2": False}
            async with database.read() as unit:
                found = await unit.payments.find(key_of(order))
            assert found is not None
            assert found.order == order.model_copy(update={"pay_auth_no": ""})

    async def test_it_goes_when_its_minutes_are_over_and_no_sooner(self, tmp_path: Path) -> None:
        upgrade(url := f"sqlite:///{tmp_path / 'records.db'}")
        stuck, refund = outpatient("M1"), _refund("M1")
        async with Database(url, Keyring.generate()) as database:
            async with database.begin() as unit:
                await reach(unit, stuck, PaymentState.PRICED, at=AT)
                await unit.refunds.reserve(refund, RefundParts(), RefundParts(), AT)
            with database_time(AT + AUTHORISATION_SERVES * 0.99):
                await forget(database, [stuck.hospital])
            assert await _authorisations(database, "payment") == {"M1": True}
            with database_time(AT + AUTHORISATION_SERVES):
                await forget(database, [stuck.hospital])
            assert await _authorisations(database, "payment") == {"M1": False}
            assert not any((await _authorisations(database, "refund")).values())


def _refund(med_org_ord: str) -> RefundOrder:
    return RefundOrder(
        hospital="main",
        med_org_ord=med_org_ord,
        refund_no="R1",
        refund_type=RefundType.ALL,
        amount_fen=Fen(1),
        pay_auth_no="AUTH",
        reason="退药",
        requested_by="backend",
    )
