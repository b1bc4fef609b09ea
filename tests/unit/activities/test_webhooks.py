"""Each attempt is written down, and what is written decides whether there is another."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.call_log import CallLog
from activities.contract.base import StepResult
from activities.webhooks import Webhooks
from domain.notifications import Delivery, Notify
from domain.states import PaymentState
from gateways.http import HttpCaller
from gateways.webhook import CallerWebhook
from security.crypto.keyring import Keyring
from storage.records import NotificationRecord, TimelineEntry, TimelineKind
from storage.session import Database
from storage.sql.migrate import upgrade
from tests.support.parties.receiver import Receiver, receiving
from tests.support.stack.recorded import reach
from tests.support.values.orders import outpatient
from tests.support.values.records import AT, key_of

ORDER = outpatient("M1")
KEY = key_of(ORDER)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite:///{tmp_path / 'records.db'}"
    upgrade(url)
    async with Database(url, Keyring.generate()) as database:
        async with database.begin() as unit:
            await reach(unit, ORDER, PaymentState.EXPIRED, at=AT)
        yield database


@pytest.fixture
async def notice(database: Database) -> Notify:
    async with database.begin() as unit:
        [waiting] = await unit.notifications.waiting()
        await unit.notifications.started([waiting], AT)
    return waiting


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving(Receiver()) as running:
        yield running


@pytest.fixture
async def webhooks(database: Database, receiver: Receiver) -> AsyncIterator[Webhooks]:
    async with HttpCaller() as http:
        yield Webhooks(CallLog(database), {"main": CallerWebhook(http, receiver.url, receiver.secret)})


async def deliver(webhooks: Webhooks, notice: Notify) -> Delivery:
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, activity_type="webhook_deliver", workflow_id=notice.workflow_id)
    told: StepResult[Delivery] = await environment.run(cast("Any", webhooks).deliver, notice)
    assert told.name == "webhook_deliver"
    assert told.value is not None
    return told.value


async def attempts(database: Database) -> list[TimelineEntry]:
    async with database.read() as unit:
        return [entry for entry in await unit.timeline.of_payment(KEY) if entry.kind is TimelineKind.WEBHOOK]


async def written(database: Database, notice: Notify) -> NotificationRecord:
    async with database.read() as unit:
        found = await unit.notifications.find(notice.notification_id)
    assert found is not None
    return found


async def test_delivered_and_never_again(
    database: Database, webhooks: Webhooks, receiver: Receiver, notice: Notify
) -> None:
    assert await deliver(webhooks, notice) is Delivery.DELIVERED
    assert await deliver(webhooks, notice) is Delivery.DELIVERED
    assert [body["type"] for body in receiver.told] == ["payment.expired"]
    assert receiver.ids("M1") == ["notify-main-M1-1"]
    assert (await written(database, notice)).status == "delivered"
    assert [(entry.name, entry.outcome) for entry in await attempts(database)] == [("payment.expired", "done")]


async def test_a_failed_attempt_is_repeated_and_names_no_address(
    database: Database, webhooks: Webhooks, receiver: Receiver, notice: Notify
) -> None:
    receiver.statuses = [503, 204]
    with pytest.raises(ApplicationError) as failed:
        await deliver(webhooks, notice)
    assert (failed.value.type, failed.value.non_retryable, failed.value.__cause__) == ("unknown", False, None)
    assert "127.0.0.1" not in str(failed.value)
    assert await deliver(webhooks, notice) is Delivery.DELIVERED
    assert [entry.outcome for entry in await attempts(database)] == ["unknown", "done"]
    assert len(set(receiver.ids("M1"))) == 1


async def test_gone_is_told_to_the_workflow(
    database: Database, webhooks: Webhooks, receiver: Receiver, notice: Notify
) -> None:
    receiver.statuses = [410]
    assert await deliver(webhooks, notice) is Delivery.GONE
    await ActivityEnvironment().run(webhooks.give_up, notice)
    assert (await written(database, notice)).status == "given_up"
    assert [entry.outcome for entry in await attempts(database)] == ["refused", None]


async def test_a_run_that_a_replay_has_overtaken_sends_nothing(
    database: Database, webhooks: Webhooks, receiver: Receiver, notice: Notify
) -> None:
    async with database.begin() as unit:
        await unit.notifications.replay(KEY)
        await unit.notifications.started([notice.model_copy(update={"run": 2})], AT)
    assert await deliver(webhooks, notice) is Delivery.SUPERSEDED
    assert receiver.told == []


async def test_an_address_that_was_taken_away_is_waited_for(database: Database, notice: Notify) -> None:
    with pytest.raises(ApplicationError) as failed:
        await deliver(Webhooks(CallLog(database), {}), notice)
    assert (failed.value.type, failed.value.non_retryable) == ("not_sent", False)
    assert [entry.outcome for entry in await attempts(database)] == ["not_sent"]
