"""When a breaker opens, lets a probe through, and closes, by a clock that the test moves."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from domain.errors import NotSent, Refused, Unknown
from gateways import breaker as module
from gateways.breaker import FAILURES_MAX, FAILURES_WITHIN_S, PAUSE_S_MAX, PAUSE_S_MIN, Breaker, BreakerState

HUNG = Unknown("6202", "no answer")
AWAY = NotSent("6202", "nobody listens")
ANSWERED = Unknown("6202", "HTTP 500", answered=True)
REFUSED = Refused("6202", "no")


class Watched:
    """A breaker, its clock, and the states that it has told of."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.told: list[str] = []
        self.breaker = Breaker(lambda breaker: self.told.append(breaker.state), lambda: self.now_s)

    def is_in(self, state: BreakerState) -> bool:
        return self.breaker.state is state

    def ends(self, *errors: Exception | None) -> None:
        """Calls that may leave, each of which ends so. None: with an answer."""
        for error in errors:
            assert self.breaker.holds_back_s() is None
            with _raised(error), self.breaker.judging():
                if error is not None:
                    raise error

    def opened(self) -> "Watched":
        self.ends(*[HUNG] * FAILURES_MAX)
        assert self.is_in(BreakerState.OPEN)
        return self

    def retry_after_s(self) -> float:
        wait_s = self.breaker.holds_back_s()
        assert wait_s is not None
        return wait_s


@contextmanager
def _raised(error: Exception | None) -> Iterator[None]:
    if error is None:
        yield
        return
    with pytest.raises(type(error)):
        yield


@pytest.fixture
def watched() -> Watched:
    return Watched()


class TestOpening:
    @pytest.mark.parametrize("failure", [HUNG, AWAY], ids=["unanswered", "not sent"])
    def test_failures_in_a_row_open_it(self, watched: Watched, failure: Exception) -> None:
        watched.ends(*[failure] * (FAILURES_MAX - 1))
        assert watched.is_in(BreakerState.CLOSED)
        watched.ends(failure)
        assert watched.is_in(BreakerState.OPEN)
        assert watched.told == ["open"]

    @pytest.mark.parametrize("answer", [None, ANSWERED, REFUSED], ids=["done", "answered", "refused"])
    def test_any_answer_ends_the_row(self, watched: Watched, answer: Exception | None) -> None:
        for _ in range(3):
            watched.ends(*[HUNG] * (FAILURES_MAX - 1), answer)
        assert watched.told == []

    @pytest.mark.parametrize("answer", [ANSWERED, REFUSED], ids=["answered", "refused"])
    def test_what_was_answered_is_no_failure(self, watched: Watched, answer: Exception) -> None:
        watched.ends(*[answer] * 20)
        assert watched.told == []

    def test_failures_far_apart_are_no_row(self, watched: Watched) -> None:
        for _ in range(20):
            watched.ends(HUNG)
            watched.now_s += FAILURES_WITHIN_S / (FAILURES_MAX - 1) + 0.1
        assert watched.told == []

    def test_a_cancelled_call_says_nothing(self, watched: Watched) -> None:
        watched.ends(*[HUNG] * (FAILURES_MAX - 1))
        with pytest.raises(asyncio.CancelledError), watched.breaker.judging():
            raise asyncio.CancelledError
        assert watched.is_in(BreakerState.CLOSED)
        watched.ends(HUNG)
        assert watched.is_in(BreakerState.OPEN)


class TestOpen:
    def test_calls_are_held_back_until_the_probe(self, watched: Watched) -> None:
        watched.opened()
        assert PAUSE_S_MIN <= watched.retry_after_s() <= PAUSE_S_MIN * 1.25
        watched.now_s += PAUSE_S_MIN - 1
        assert 1 <= watched.retry_after_s() <= 1.25
        watched.now_s += 1
        assert watched.breaker.holds_back_s() is None

    def test_they_do_not_come_back_together(self, watched: Watched) -> None:
        watched.opened()
        assert len({watched.retry_after_s() for _ in range(20)}) > 10

    def test_an_answer_to_a_call_that_left_before_closes_it(self, watched: Watched) -> None:
        with watched.breaker.judging():
            watched.opened()
        assert watched.is_in(BreakerState.CLOSED)
        assert watched.breaker.holds_back_s() is None

    def test_further_failures_of_calls_that_left_before_change_nothing(self, watched: Watched) -> None:
        left_before = watched.breaker.judging()
        left_before.__enter__()
        watched.opened()
        watched.now_s += 1
        assert not left_before.__exit__(Unknown, HUNG, None)
        assert (watched.told, watched.breaker.pause_s) == (["open"], PAUSE_S_MIN)


class TestProbe:
    def test_it_goes_alone(self, watched: Watched) -> None:
        watched.opened()
        watched.now_s += PAUSE_S_MIN
        with watched.breaker.judging():
            assert watched.is_in(BreakerState.HALF_OPEN)
            assert module.RETRY_S_MIN <= watched.retry_after_s() <= module.RETRY_S_MIN * 1.25
            watched.now_s += 2
            assert 2 <= watched.retry_after_s() <= 2.5
            watched.now_s += 20
            assert watched.retry_after_s() <= module.RETRY_S_MAX * 1.25

    @pytest.mark.parametrize("answer", [None, ANSWERED, REFUSED], ids=["done", "answered", "refused"])
    def test_its_answer_closes_the_breaker(self, watched: Watched, answer: Exception | None) -> None:
        watched.opened()
        watched.now_s += PAUSE_S_MIN
        watched.ends(answer)
        assert watched.told == ["open", "half_open", "closed"]
        watched.ends(*[HUNG] * (FAILURES_MAX - 1))
        assert watched.is_in(BreakerState.CLOSED)

    @pytest.mark.parametrize("failure", [HUNG, AWAY], ids=["unanswered", "not sent"])
    def test_its_failure_doubles_the_pause_up_to_the_longest(self, watched: Watched, failure: Exception) -> None:
        watched.opened()
        pauses = []
        for _ in range(5):
            watched.now_s += watched.breaker.pause_s
            watched.ends(failure)
            assert watched.breaker.pause_s <= watched.retry_after_s() <= 1.25 * watched.breaker.pause_s
            pauses.append(watched.breaker.pause_s)
        assert pauses == [10, 20, PAUSE_S_MAX, PAUSE_S_MAX, PAUSE_S_MAX]

    def test_after_it_has_closed_the_first_pause_is_short_again(self, watched: Watched) -> None:
        watched.opened()
        watched.now_s += PAUSE_S_MIN
        watched.ends(HUNG)
        watched.now_s += 2 * PAUSE_S_MIN
        watched.ends(None)
        assert watched.opened().breaker.pause_s == PAUSE_S_MIN

    def test_if_it_is_cancelled_the_next_call_is_the_probe(self, watched: Watched) -> None:
        watched.opened()
        watched.now_s += PAUSE_S_MIN
        with pytest.raises(asyncio.CancelledError), watched.breaker.judging():
            raise asyncio.CancelledError
        assert watched.is_in(BreakerState.OPEN)
        watched.ends(None)
        assert watched.is_in(BreakerState.CLOSED)
