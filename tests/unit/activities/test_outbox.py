"""The outbox is emptied: each notification is started once, whatever fails in between."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from temporalio.service import RPCError, RPCStatusCode

from activities import background
from activities.background import empty, outbox_emptied
from domain.notifications import NotificationStatus, Notify
from domain.states import PaymentState
from security.crypto.keyring import Keyring
from storage.notifications import BATCH_MAX
from storage.session import Database
from storage.sql.migrate import upgrade
from tests.support.stack.recorded import reach
from tests.support.values.orders import outpatient
from tests.support.values.records import AT
from tests.support.waiting import eventually


@dataclass
class Temporal:
    """What was started. The start of what stands in `broken` fails, once each."""

    started: list[str] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)

    async def start(self, notice: Notify) -> None:
        if notice.med_org_ord in self.broken:
            self.broken.remove(notice.med_org_ord)
            raise RPCError("away", RPCStatusCode.UNAVAILABLE, b"")
        self.started.append(notice.workflow_id)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite:///{tmp_path / 'records.db'}"
    upgrade(url)
    async with Database(url, Keyring.generate()) as database:
        yield database


async def expired(database: Database, *numbers: str, hospital: str = "main") -> None:
    async with database.begin() as unit:
        for number in numbers:
            order = outpatient(number, hospital=hospital)
            await reach(unit, order, PaymentState.EXPIRED, at=AT)


async def statuses(database: Database, hospital: str = "main") -> list[NotificationStatus]:
    async with database.read() as unit:
        return [record.status for record in await unit.notifications.newest(hospital)]


async def test_each_is_started_once(database: Database) -> None:
    await expired(database, "A", "B")
    temporal = Temporal()
    for _ in range(3):
        assert not await empty(database, {"main"}, temporal.start)
    assert temporal.started == ["notify-main-A-1", "notify-main-B-2"]
    assert await statuses(database) == ["sending"] * 2


async def test_a_hospital_without_a_webhook_starts_nothing(database: Database) -> None:
    await expired(database, "A")
    await expired(database, "B", hospital="west")
    temporal = Temporal()
    await empty(database, {"west"}, temporal.start)
    assert temporal.started == ["notify-west-B-2"]
    assert (await statuses(database), await statuses(database, "west")) == (["no_webhook"], ["sending"])


async def test_what_was_started_before_temporal_went_away_is_not_started_again(database: Database) -> None:
    await expired(database, "A", "B")
    temporal = Temporal(broken={"B"})
    with pytest.raises(RPCError):
        await empty(database, {"main"}, temporal.start)
    await empty(database, {"main"}, temporal.start)
    assert temporal.started == ["notify-main-A-1", "notify-main-B-2"]


async def test_a_full_round_says_that_there_may_be_more(database: Database) -> None:
    await expired(database, *(f"M{number}" for number in range(BATCH_MAX + 1)))
    temporal = Temporal()
    assert await empty(database, {"main"}, temporal.start)
    assert not await empty(database, {"main"}, temporal.start)
    assert len(set(temporal.started)) == BATCH_MAX + 1


async def test_trouble_ends_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "AFTER_TROUBLE_S", 0.01)
    await expired(database, "A")
    temporal = Temporal(broken={"A"})

    async def started() -> bool:
        return temporal.started == ["notify-main-A-1"]

    async with outbox_emptied(database, {"main"}, temporal.start):
        await eventually(started)
    assert temporal.broken == set()
