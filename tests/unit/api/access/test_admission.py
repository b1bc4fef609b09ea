"""New payments are refused first, and only for calls that wait for us."""

from contextlib import ExitStack

import pytest

from api.access.admission import RETRY_AFTER_S, SLOW_MAX, YOUNG_S_MAX, YOUNG_S_MIN, Admission, Urgency
from api.web.errors import ApiError
from domain.base import PaymentKey
from domain.errors import ErrorCode, PaymentError

AT_ONCE = 4
NEW, UNDER_WAY = Urgency.NEW_PAYMENT, Urgency.UNDER_WAY


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Calls:
    """Calls that stay in flight until `answered`."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self.clock = Clock()
        self.admission = Admission(at_once, self.clock)
        self._flights: dict[str, ExitStack] = {}

    def take(self, number: str, urgency: Urgency = NEW, hospital: str = "main") -> None:
        flight = ExitStack()
        flight.enter_context(self.admission.admitted(PaymentKey(hospital=hospital, med_org_ord=number), urgency))
        self._flights[number] = flight

    def answered(self, number: str) -> None:
        self._flights.pop(number).close()

    def left_open(self, number: str) -> None:
        """Told 202."""
        flight = self._flights.pop(number)
        still_open = PaymentError(ErrorCode.PROCESSING, "处理中")
        with pytest.raises(PaymentError), flight:
            raise still_open

    def fill(self, count: int, urgency: Urgency = NEW, hospital: str = "main") -> None:
        for at in range(count):
            self.take(f"{hospital}-{urgency.name}-{at}", urgency, hospital)

    def is_refused(self, number: str, urgency: Urgency = NEW, hospital: str = "main") -> bool:
        try:
            self.take(number, urgency, hospital)
        except ApiError as refusal:
            return (refusal.code, refusal.retry_after_s) == (ErrorCode.RATE_LIMITED, RETRY_AFTER_S)
        self.answered(number)
        return False


@pytest.fixture
def calls() -> Calls:
    return Calls()


class TestTheLimit:
    def test_refuses_new_payments_beyond_it(self, calls: Calls) -> None:
        calls.fill(AT_ONCE)
        assert calls.is_refused("M1")
        calls.answered("main-NEW_PAYMENT-0")
        assert not calls.is_refused("M1")

    def test_is_four_times_as_high_for_payments_under_way(self, calls: Calls) -> None:
        calls.fill(AT_ONCE)
        calls.fill(3 * AT_ONCE, UNDER_WAY)
        assert calls.admission.backlog() == 4 * AT_ONCE
        assert calls.is_refused("M1", UNDER_WAY)
        calls.answered("main-UNDER_WAY-0")
        assert not calls.is_refused("M1", UNDER_WAY)
        assert calls.is_refused("M1", NEW)

    def test_may_be_none(self) -> None:
        calls = Calls(0)
        calls.fill(1000)
        assert not calls.is_refused("M1")


class TestWhoWaitsForAParty:
    def test_counts_no_more_after_a_while(self, calls: Calls) -> None:
        calls.fill(AT_ONCE)
        calls.clock.now_s += YOUNG_S_MIN + 0.1
        assert calls.admission.backlog() == 0
        assert not calls.is_refused("M1")

    def test_does_not_count_when_it_calls_again(self, calls: Calls) -> None:
        calls.take("SLOW")
        calls.clock.now_s += YOUNG_S_MIN + 0.1
        calls.left_open("SLOW")
        calls.fill(AT_ONCE)
        calls.take("SLOW")
        assert calls.admission.backlog() == AT_ONCE
        calls.answered("SLOW")
        assert calls.is_refused("SLOW")

    def test_is_remembered_within_a_limit(self, calls: Calls) -> None:
        for at in range(SLOW_MAX + 1):
            calls.take(f"S{at}")
            calls.clock.now_s += YOUNG_S_MAX + 0.1
            calls.left_open(f"S{at}")
        calls.fill(AT_ONCE)
        assert calls.is_refused("S0")
        assert not calls.is_refused(f"S{SLOW_MAX}")

    def test_leaves_the_others_their_share(self, calls: Calls) -> None:
        """A hospital whose centre is silent fills the limit with its new payments."""
        calls.fill(AT_ONCE, hospital="silent")
        assert calls.is_refused("M1", hospital="silent")
        calls.take("M1")
        calls.take("M2")
        assert calls.is_refused("M3")


class TestWhereWeAreSlow:
    def test_calls_count_for_as_long_as_we_take(self, calls: Calls) -> None:
        for at in range(8):
            calls.take(f"OURS{at}")
            calls.clock.now_s += YOUNG_S_MIN
            calls.answered(f"OURS{at}")
        calls.fill(AT_ONCE)
        calls.clock.now_s += YOUNG_S_MIN + 0.1
        assert calls.is_refused("M1")
        calls.clock.now_s += 2 * YOUNG_S_MIN
        assert not calls.is_refused("M1")

    def test_failures_teach_nothing(self, calls: Calls) -> None:
        """A call that was told 202 waited for a party."""
        for at in range(8):
            calls.take(f"M{at}")
            calls.clock.now_s += 15
            calls.left_open(f"M{at}")
        calls.fill(AT_ONCE)
        calls.clock.now_s += YOUNG_S_MIN + 0.1
        assert calls.admission.backlog() == 0
