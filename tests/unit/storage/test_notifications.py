"""The outbox: written with the state that it tells, or not at all; taken once, replayed under the same id."""

import json

import pytest

from domain.errors import ErrorCode, Outcome
from domain.notifications import NotificationEvent, NotificationStatus, Notify
from domain.states import PaymentState
from storage.notifications import BATCH_MAX
from storage.records import NotificationRecord, PaymentFacts, TimelineKind
from storage.session import Database
from tests.support.stack.database import rows
from tests.support.stack.recorded import reach
from tests.support.values.orders import SPLIT, outpatient
from tests.support.values.records import AT, key_of, later

ORDER = outpatient("TOLD1", patient_name="欧阳标记四")
KEY = key_of(ORDER)


@pytest.fixture(autouse=True)
async def payment(database: Database) -> None:
    facts = PaymentFacts(pay_ord_id="ORD1", pay_token="PAYTOKEN-MARKER", split=SPLIT)
    async with database.begin() as unit:
        await reach(unit, ORDER, PaymentState.PAID, facts=facts, at=AT)


async def settle(database: Database, *, fails: bool = False) -> None:
    async with database.begin() as unit:
        await unit.payments.record(KEY, 2, later(1), state=PaymentState.SETTLED)
        if fails:
            raise RuntimeError("after the state was written")


async def waiting(database: Database) -> list[Notify]:
    async with database.read() as unit:
        return await unit.notifications.waiting()


async def the_one(database: Database) -> NotificationRecord:
    async with database.read() as unit:
        [found] = await unit.notifications.newest("main")
    return found


async def started(database: Database, *runs: Notify) -> None:
    async with database.begin() as unit:
        await unit.notifications.started(runs, later(2))


async def replayed(database: Database, event: NotificationEvent | None = None) -> list[NotificationRecord]:
    async with database.begin() as unit:
        return await unit.notifications.replay(KEY, event)


class TestWritten:
    async def test_with_the_state(self, database: Database) -> None:
        await settle(database)
        found = await the_one(database)
        assert (found.event, found.status, found.created_at) == ("payment.settled", "waiting", later(1))
        body = json.loads(found.body)
        assert (body["type"], body["data"]["payOrdId"], body["data"]["state"]) == ("payment.settled", "ORD1", "SETTLED")
        assert body["data"]["amounts"]["fundPay"] == "77.10"

    async def test_not_for_a_state_that_nobody_waits_for(self, database: Database) -> None:
        assert await waiting(database) == []

    async def test_not_again_when_the_same_state_is_written_again(self, database: Database) -> None:
        await settle(database)
        await settle(database)
        assert len(await waiting(database)) == 1

    async def test_each_time_that_a_payment_comes_to_it(self, database: Database) -> None:
        for revision, state in enumerate((PaymentState.IN_REVIEW, PaymentState.PAID, PaymentState.IN_REVIEW), start=2):
            async with database.begin() as unit:
                await unit.payments.record(KEY, revision, later(revision), state=state)
        assert [notice.event for notice in await waiting(database)] == ["payment.in_review"] * 2

    async def test_nothing_is_left_of_a_transaction_that_is_rolled_back(self, database: Database) -> None:
        with pytest.raises(RuntimeError):
            await settle(database, fails=True)
        assert await rows(database._engines.reader, "SELECT id FROM notification") == []

    async def test_with_the_reason_and_without_a_person_or_a_token(self, database: Database) -> None:
        facts = PaymentFacts(error_code=ErrorCode.IN_REVIEW, error_message="核查 110101199003070134")
        async with database.begin() as unit:
            await unit.payments.record(KEY, 2, AT, state=PaymentState.IN_REVIEW, facts=facts)
        body = (await the_one(database)).body
        assert json.loads(body)["data"]["errorCode"] == "IN_REVIEW"
        secrets = (ORDER.id_no, ORDER.pay_auth_no, ORDER.uld_latlnt, ORDER.patient_id, "欧阳标记四", "PAYTOKEN-MARKER")
        assert [secret for secret in secrets if secret in body] == []

    async def test_a_refunds_names_the_refund(self, database: Database) -> None:
        async with database.begin() as unit:
            await unit.notifications.add(KEY, NotificationEvent.PARTIALLY_REFUNDED, AT, "R1")
        found = await the_one(database)
        assert (found.event, found.refund_no) == ("payment.partially_refunded", "R1")
        assert json.loads(found.body)["data"]["refundNo"] == "R1"


class TestTaken:
    async def test_once_started_it_waits_no_longer(self, database: Database) -> None:
        await settle(database)
        [notice] = await waiting(database)
        await started(database, notice)
        assert await waiting(database) == []
        assert ((await the_one(database)).status, (await the_one(database)).runs) == ("sending", 1)

    async def test_by_two_workers_at_once_it_is_one_run(self, database: Database) -> None:
        await settle(database)
        [notice] = await waiting(database)
        await started(database, notice)
        await started(database, notice)
        assert (await the_one(database)).runs == 1

    async def test_a_slow_worker_does_not_swallow_a_replay(self, database: Database) -> None:
        await settle(database)
        [notice] = await waiting(database)
        await started(database, notice)
        await replayed(database)
        await started(database, notice)
        assert [again.run for again in await waiting(database)] == [2]

    async def test_without_anybody_to_tell_it_is_kept_for_a_replay(self, database: Database) -> None:
        await settle(database)
        async with database.begin() as unit:
            await unit.notifications.left(await unit.notifications.waiting(), AT)
        assert await waiting(database) == []
        assert (await the_one(database)).status is NotificationStatus.NO_WEBHOOK
        await replayed(database)
        assert [again.run for again in await waiting(database)] == [1]

    async def test_the_oldest_first_and_not_all_at_once(self, database: Database) -> None:
        async with database.begin() as unit:
            for number in range(BATCH_MAX + 1):
                order = outpatient(f"MANY{number:03}")
                await reach(unit, order, PaymentState.EXPIRED, at=AT)
        assert [notice.med_org_ord for notice in await waiting(database)] == [f"MANY{n:03}" for n in range(BATCH_MAX)]


class TestEnded:
    @pytest.fixture(autouse=True)
    async def notice(self, database: Database) -> Notify:
        await settle(database)
        [notice] = await waiting(database)
        await started(database, notice)
        return notice

    async def test_delivered(self, database: Database, notice: Notify) -> None:
        async with database.begin() as unit:
            await unit.notifications.delivered(notice, later(3))
            await unit.notifications.given_up(notice, later(4))
        found = await the_one(database)
        assert (found.status, found.delivered_at, found.given_up_at) == ("delivered", later(3), None)

    async def test_given_up_is_seen_in_the_list_and_on_the_timeline(self, database: Database, notice: Notify) -> None:
        async with database.begin() as unit:
            await unit.notifications.given_up(notice, later(3))
        async with database.read() as unit:
            [failed] = await unit.notifications.newest("main", failed=True)
            last = (await unit.timeline.of_payment(KEY))[-1]
        assert (failed.status, failed.given_up_at) == ("given_up", later(3))
        assert (last.at, last.kind, last.name) == (later(3), TimelineKind.WEBHOOK, "payment.settled")

    async def test_an_earlier_run_does_not_give_up_a_later_ones(self, database: Database, notice: Notify) -> None:
        await replayed(database)
        await started(database, notice.model_copy(update={"run": 2}))
        async with database.begin() as unit:
            await unit.notifications.given_up(notice, later(3))
        assert (await the_one(database)).status is NotificationStatus.SENDING

    async def test_a_replay_of_another_event_leaves_it(self, database: Database) -> None:
        assert await replayed(database, NotificationEvent.REVERSED) == []
        [chosen] = await replayed(database, NotificationEvent.SETTLED)
        assert (chosen.status, await the_one(database)) == ("waiting", chosen)

    async def test_an_attempt_is_a_webhook_on_the_timeline(self, database: Database, notice: Notify) -> None:
        async with database.begin() as unit:
            call = await unit.calls.begin(KEY, notice.event, later(3), notice.webhook_id)
            await unit.calls.finish(call, Outcome.UNKNOWN, 12, "接收方未确认收到(HTTP 500)")
        async with database.read() as unit:
            last = (await unit.timeline.of_payment(KEY))[-1]
        assert (last.kind, last.name, last.outcome, last.duration_ms) == ("webhook", "payment.settled", "unknown", 12)

    async def test_of_another_hospital_nothing_is_listed(self, database: Database) -> None:
        async with database.read() as unit:
            assert await unit.notifications.newest("west") == []
