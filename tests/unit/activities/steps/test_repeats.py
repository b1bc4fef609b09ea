"""A call that may have arrived: it is asked about first, and repeated only once it cannot be at work any more."""

from datetime import datetime, timedelta
from functools import partial

import pytest
from temporalio.exceptions import ApplicationError

from activities.call_log import ANSWERED_PAUSE, CallLog, Repeat, nothing_to_ask
from activities.contract.his import HisActivities, TellRefund
from activities.reporting import name_of
from domain.errors import NotSent, Outcome, Transaction, Unknown
from domain.values.fen import Fen
from gateways.his.http import HttpHospitalSystem
from gateways.his.port import HisRepeats
from gateways.http import HttpCaller
from storage.records import StepKey
from tests.support.stack.stepping import activity_of, database_time, take
from tests.support.values.his_payments import his_registration
from tests.support.values.records import later
from tests.unit.activities.steps.at_his import KEY, REGISTER, AtHis, register_step

LEFT_AT, TIMEOUT_S, MOMENT = later(100), 5, timedelta(milliseconds=1)


async def left(
    at_his: AtHis, outcome: Outcome | None, message: str = "", *, answered: bool = False, lasted_s: float = 0
) -> None:
    """An earlier attempt's call, as its worker left it."""
    async with at_his.database.begin() as unit:
        call_id = await unit.calls.begin(KEY, Transaction.REGISTER, LEFT_AT, "", REGISTER)
        if outcome is not None:
            await unit.calls.finish(call_id, outcome, round(lasted_s * 1000), message, answered=answered)


async def calls_around(at_his: AtHis, due: datetime) -> tuple[list[str], list[str]]:
    """What HIS was sent a moment before `due`, when the call may not leave yet, and what by then."""
    with database_time(due - MOMENT), pytest.raises(ApplicationError) as early:
        await at_his.register()
    assert early.value.type == "unknown"
    assert early.value.next_retry_delay is not None
    before = await at_his.calls()
    with database_time(due):
        assert (await at_his.register()).visit_id
    return before, await at_his.calls()


ASKED_THEN_SENT = (["registration_query"], ["registration_query", "registration_query", "register"])
"""HIS is asked each time, and sent the call only once it is due."""


class TestIsRepeated:
    async def test_without_an_end_after_twice_its_timeout(self, at_his: AtHis) -> None:
        await left(at_his, None)
        assert await calls_around(at_his, LEFT_AT + timedelta(seconds=2 * TIMEOUT_S)) == ASKED_THEN_SENT

    async def test_without_an_answer_after_twice_its_timeout(self, at_his: AtHis) -> None:
        await left(at_his, Outcome.UNKNOWN, lasted_s=3)
        assert await calls_around(at_his, LEFT_AT + timedelta(seconds=2 * TIMEOUT_S)) == ASKED_THEN_SENT

    async def test_with_an_unclear_answer_after_a_moment(self, at_his: AtHis) -> None:
        await left(at_his, Outcome.UNKNOWN, answered=True, lasted_s=3)
        assert await calls_around(at_his, LEFT_AT + timedelta(seconds=3) + ANSWERED_PAUSE) == ASKED_THEN_SENT

    async def test_sooner_by_a_system_that_takes_repeats(self, at_his: AtHis, http: HttpCaller) -> None:
        await left(at_his, None)
        system = HttpHospitalSystem(http, at_his.simulator.url, timeout_s=TIMEOUT_S, repeats=HisRepeats.SAFE)
        worker = at_his.another(system)
        with database_time(LEFT_AT + timedelta(seconds=TIMEOUT_S) - MOMENT), pytest.raises(ApplicationError):
            await at_his.register(worker=worker)
        with database_time(LEFT_AT + timedelta(seconds=TIMEOUT_S)):
            assert (await at_his.register(worker=worker)).visit_id

    async def test_at_once_where_it_was_never_sent(self, at_his: AtHis) -> None:
        """HIS is asked all the same: the caller may have registered there itself."""
        await left(at_his, Outcome.NOT_SENT)
        with database_time(LEFT_AT):
            assert (await at_his.register()).visit_id
        assert await at_his.calls() == ["registration_query", "register"]


class TestIsNotRepeated:
    @pytest.mark.parametrize("outcome", [None, Outcome.UNKNOWN, Outcome.DONE])
    async def test_where_it_has_arrived(self, at_his: AtHis, outcome: Outcome | None) -> None:
        await left(at_his, outcome)
        visit_id = await at_his.system.register(his_registration("S1"))
        with database_time(LEFT_AT):
            assert (await at_his.register()).visit_id == visit_id
        assert await at_his.calls() == ["register", "registration_query"]
        assert await at_his.steps() == [(REGISTER.name, 1, "done")]

    async def test_where_it_was_refused_before_its_step_was_finished(self, at_his: AtHis) -> None:
        await left(at_his, Outcome.REFUSED, "科室已停诊", answered=True)
        with pytest.raises(ApplicationError) as refused:
            await at_his.register()
        assert (refused.value.type, refused.value.message) == ("HIS_REFUSED", "科室已停诊")
        assert await at_his.calls() == []
        assert await at_his.steps() == [(REGISTER.name, 1, "refused")]

    async def test_while_nobody_can_be_asked(self, at_his: AtHis) -> None:
        await left(at_his, None)
        await at_his.simulator.fault("registration_query", "http_500")
        with database_time(later(10**6)), pytest.raises(ApplicationError) as unknown:
            await at_his.register()
        assert unknown.value.type == "unknown"
        assert await at_his.calls() == ["registration_query"]

    async def test_nor_is_it_certainly_not_sent_because_his_is_gone(self, at_his: AtHis, http: HttpCaller) -> None:
        await left(at_his, Outcome.UNKNOWN)
        gone = at_his.another(HttpHospitalSystem(http, "http://127.0.0.1:9", timeout_s=TIMEOUT_S))
        with database_time(later(10**6)), pytest.raises(ApplicationError) as unknown:
            await at_his.register(worker=gone)
        assert unknown.value.type == "unknown"


TOLD = StepKey(workflow_id=REGISTER.workflow_id, name=name_of(HisActivities.tell_refund), number=1)


async def told(at_his: AtHis, repeats: HisRepeats, http: HttpCaller) -> None:
    """HIS is told of the refund R1."""
    system = HttpHospitalSystem(http, at_his.simulator.url, timeout_s=TIMEOUT_S, repeats=repeats)
    step = TellRefund(**KEY.model_dump(), number=1, refund_no="R1", total_fen=Fen(2500))
    await take(at_his.another(system).tell_refund, step)


class TestTheNoticeOfARefund:
    """HIS cannot be asked about it; it knows the refundNo. `earlier`: its outcome, and whether it was answered."""

    @pytest.mark.parametrize(
        ("earlier", "repeats", "due"),
        [
            ((Outcome.NOT_SENT, True), HisRepeats.ASK, timedelta(0)),
            ((Outcome.UNKNOWN, True), HisRepeats.ASK, timedelta(seconds=3) + ANSWERED_PAUSE),
            ((Outcome.UNKNOWN, True), HisRepeats.SAFE, timedelta(seconds=3) + ANSWERED_PAUSE),
            ((Outcome.UNKNOWN, False), HisRepeats.ASK, timedelta(seconds=2 * TIMEOUT_S)),
            ((Outcome.UNKNOWN, False), HisRepeats.SAFE, timedelta(0)),
            ((None, False), HisRepeats.ASK, timedelta(seconds=2 * TIMEOUT_S)),
            ((None, False), HisRepeats.SAFE, timedelta(seconds=TIMEOUT_S)),
        ],
    )
    async def test_is_repeated_when_the_earlier_one_is_over(
        self,
        at_his: AtHis,
        http: HttpCaller,
        earlier: tuple[Outcome | None, bool],
        repeats: HisRepeats,
        due: timedelta,
    ) -> None:
        outcome, answered = earlier
        async with at_his.database.begin() as unit:
            call_id = await unit.calls.begin(KEY, Transaction.TELL_REFUND, LEFT_AT, "R1", TOLD)
            if outcome is not None:
                await unit.calls.finish(call_id, outcome, 3000, answered=answered)
        if due:
            with database_time(LEFT_AT + due - MOMENT), pytest.raises(ApplicationError) as early:
                await told(at_his, repeats, http)
            assert early.value.type == "unknown"
            assert await at_his.calls() == []
        with database_time(LEFT_AT + due):
            await told(at_his, repeats, http)
        assert await at_his.calls() == ["refund"]

    async def test_of_another_refund_does_not_wait_for_it(self, at_his: AtHis, http: HttpCaller) -> None:
        async with at_his.database.begin() as unit:
            await unit.calls.begin(KEY, Transaction.TELL_REFUND, LEFT_AT, "R0", TOLD)
        with database_time(LEFT_AT):
            await told(at_his, HisRepeats.ASK, http)
        assert await at_his.calls() == ["refund"]


async def send(call_log: CallLog, repeat: Repeat, error: Exception) -> None:
    async with call_log.leaving(register_step(), Transaction.REGISTER, repeat=repeat):
        raise error


class TestARepeatThatIsNotSent:
    repeat = Repeat(nothing_to_ask, in_progress=timedelta(0), unanswered=timedelta(0))

    async def outcome(self, at_his: AtHis) -> Exception:
        error = NotSent(Transaction.REGISTER, "no connection")
        run = activity_of(REGISTER.name, register_step()).run
        with pytest.raises((NotSent, Unknown)) as raised:
            await run(partial(send, CallLog(at_his.database), self.repeat, error))
        return raised.value

    @pytest.mark.parametrize("before", [None, Outcome.UNKNOWN])
    async def test_after_one_that_may_have_arrived_is_unknown(self, at_his: AtHis, before: Outcome | None) -> None:
        await left(at_his, before)
        assert isinstance(await self.outcome(at_his), Unknown)

    async def test_as_the_first_is_not_sent(self, at_his: AtHis) -> None:
        assert isinstance(await self.outcome(at_his), NotSent)
