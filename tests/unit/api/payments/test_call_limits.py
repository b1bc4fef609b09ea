"""Identical calls share an answer; callers that ask too often are held back."""

import asyncio

import pytest

from activities.in_flight import InFlight
from api.payments.not_paid import FREE_ANSWERS, INTERVAL_S, PAYMENTS_MAX, NotPaidBrake
from domain.base import PaymentKey
from domain.errors import ErrorCode, PaymentError

KEY = PaymentKey(hospital="main", med_org_ord="M1")
NOT_PAID = PaymentError(ErrorCode.NOT_PAID, "患者尚未完成支付")


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Question:
    """Under way until `gate` is set."""

    def __init__(self, failure: PaymentError | None = None) -> None:
        self.gate = asyncio.Event()
        self.asked = asyncio.Semaphore(0)
        self.times = 0
        self._failure = failure

    async def __call__(self) -> str:
        self.times += 1
        self.asked.release()
        await self.gate.wait()
        if self._failure is not None:
            raise self._failure
        return "answer"


class TestInFlight:
    async def test_identical_calls_are_one(self) -> None:
        calls, question = InFlight[str](), Question()
        three = asyncio.gather(calls.join("a", question), calls.join("a", question), calls.join("b", question))
        await question.asked.acquire()
        await question.asked.acquire()
        question.gate.set()
        assert list(await three) == ["answer"] * 3
        assert question.times == 2
        await calls.join("a", question)
        assert question.times == 3

    async def test_all_get_the_same_failure(self) -> None:
        calls, question = InFlight[str](), Question(NOT_PAID)
        two = asyncio.gather(calls.join("a", question), calls.join("a", question), return_exceptions=True)
        await question.asked.acquire()
        question.gate.set()
        assert list(await two) == [NOT_PAID, NOT_PAID]
        assert question.times == 1

    async def test_who_leaves_takes_nobody_along(self) -> None:
        calls, question = InFlight[str](), Question()
        leaver = asyncio.create_task(calls.join("a", question))
        stayer = asyncio.create_task(calls.join("a", question))
        await question.asked.acquire()
        leaver.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaver
        question.gate.set()
        assert await stayer == "answer"


class TestNotPaidBrake:
    def test_the_first_ones_are_free(self) -> None:
        brake = NotPaidBrake(Clock())
        for _ in range(FREE_ANSWERS):
            assert brake.held_back(KEY) is None
            brake.note(KEY, NOT_PAID)
        assert brake.held_back(KEY) is NOT_PAID

    def test_then_one_in_an_interval(self) -> None:
        clock = Clock()
        brake = NotPaidBrake(clock)
        for _ in range(FREE_ANSWERS):
            brake.note(KEY, NOT_PAID)
        clock.now_s += INTERVAL_S - 0.1
        assert brake.held_back(KEY) is NOT_PAID
        clock.now_s += 0.1
        assert brake.held_back(KEY) is None
        brake.note(KEY, NOT_PAID)
        assert brake.held_back(KEY) is NOT_PAID

    def test_each_payment_for_itself_and_forgotten_when_it_goes_on(self) -> None:
        brake = NotPaidBrake(Clock())
        for _ in range(FREE_ANSWERS):
            brake.note(KEY, NOT_PAID)
        assert brake.held_back(PaymentKey(hospital="west", med_org_ord="M1")) is None
        brake.forget(KEY)
        assert brake.held_back(KEY) is None

    def test_remembers_a_bounded_number(self) -> None:
        brake = NotPaidBrake(Clock())
        for number in range(PAYMENTS_MAX + 5):
            brake.note(PaymentKey(hospital="main", med_org_ord=str(number)), NOT_PAID)
        assert len(brake._asked) == PAYMENTS_MAX
