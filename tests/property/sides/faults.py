"""What goes wrong on the way to another side, and when: the campaign's faults, taken one by one as calls are made."""

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum

from domain.base import Frozen
from tests.property.sides.clock import now

LATE_BY = timedelta(seconds=35)
"""How late a request that seemed lost arrives: within twice the call's timeout of 20 s (product rule 10)."""


class Kind(StrEnum):
    NOT_SENT = "not_sent"
    LOST_BEFORE = "lost_before"
    """Unknown to us; nothing happened."""
    LOST_AFTER = "lost_after"
    """Unknown to us; it happened."""
    LATE = "late"
    """Unknown to us; it happens `LATE_BY` later."""
    REFUSED = "refused"
    """No, and nothing happened."""
    REFUSED_AFTER = "refused_after"
    """No; yet it happened. At the centre such a no has no signature."""
    DIES_BEFORE = "dies_before"
    """The worker dies with the call prepared, unsent."""
    DIES_AFTER = "dies_after"
    """The worker dies when it has happened, with nothing written down."""
    WRONG_AMOUNT = "wrong_amount"
    """6202, 6301: the parts miss the sum by one fen."""
    UNDECIDED_BEFORE = "undecided_before"
    """6203: EXP, and nothing happened."""
    UNDECIDED_AFTER = "undecided_after"
    """6203: EXP; it happened."""
    PAYS_BEFORE = "pays_before"
    """The patient pays just before the call arrives."""
    PAYS_AFTER = "pays_after"
    """The patient pays just after it was answered."""


class WorkerDiedError(Exception):
    """What an activity can't know of: Temporal tries it again."""


class Fault(Frozen):
    """The next `times` calls of `txn` have it; -1: all until the faults are taken back."""

    txn: str
    kind: Kind
    times: int = 1


class Faults:
    """Of one run. Of several for a transaction the oldest comes first."""

    def __init__(self) -> None:
        self._left: list[tuple[Fault, int]] = []

    def add(self, fault: Fault) -> None:
        self._left.append((fault, fault.times))

    def take(self, txn: str) -> Kind | None:
        for place, (fault, times) in enumerate(self._left):
            if fault.txn == txn:
                self._left[place : place + 1] = [] if times == 1 else [(fault, times - 1)]
                return fault.kind
        return None

    def clear(self) -> None:
        self._left = []


class OnItsWay:
    """Requests that were sent, given up, and still arrive."""

    def __init__(self) -> None:
        self._due: list[tuple[datetime, str, Callable[[], object]]] = []
        self.refused: list[str] = []
        """What was turned away: it is of no account, since nobody waits for it."""

    def post(self, name: str, arrive: Callable[[], object]) -> None:
        self._due.append((now() + LATE_BY, name, arrive))

    def holds(self, name: str) -> bool:
        return any(each == name for _, each, _ in self._due)

    def deliver(self) -> None:
        """Let arrive what is due by now."""
        moment = now()
        arrived = [arrive for due, _, arrive in self._due if due <= moment]
        self._due = [each for each in self._due if each[0] > moment]
        for arrive in arrived:
            arrive()
