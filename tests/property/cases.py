"""Ways into the review queue, and what people may do there: so that decisions are made, not only refused."""

from typing import NamedTuple

from domain.reviews import ReviewAction
from simulator.insurance.control import PayOutcome
from tests.property.sides.faults import Fault, Kind
from tests.property.steps.kinds import (
    Approves,
    CallerBooks,
    Cancel,
    Goes,
    Mends,
    Passes,
    Pay,
    PaysLate,
    PreSettle,
    Proposes,
    Refund,
    Settle,
    Step,
)

A = ReviewAction


class Case(NamedTuple):
    """How the first order, or its refund R1, comes before people; and what may be safe then."""

    way: tuple[Step, ...]
    actions: tuple[ReviewAction, ...]
    refund_no: int = 0


def goes(txn: str, kind: Kind, times: int = -1) -> Goes:
    """Shorter to read in a list."""
    return Goes(fault=Fault(txn=txn, kind=kind, times=times))


_HIS_REFUSES = goes("settle", Kind.REFUSED)
_PAID = (Pay(), Settle())
_UNKNOWN_IN_HIS = (*_PAID, goes("settlement_query", Kind.LOST_BEFORE), Passes(seconds=3900))

CASES = (
    Case((Cancel(), PaysLate()), (A.BOOK, A.REVERSE)),
    Case((Cancel(), PaysLate(), Passes(seconds=3700)), (A.BOOK, A.REFUND)),
    Case((Pay(outcome=PayOutcome.ABNORMAL), Settle()), (A.CLOSE_UNPAID,)),
    Case((goes("6301", Kind.WRONG_AMOUNT), *_PAID, Mends()), (A.REVERSE, A.ASK_AGAIN)),
    Case((goes("6301", Kind.WRONG_AMOUNT), *_PAID, CallerBooks()), (A.ACCEPT,)),
    Case((_HIS_REFUSES, goes("6203", Kind.REFUSED), *_PAID, Mends()), (A.BOOK, A.REVERSE)),
    Case((_HIS_REFUSES, goes("6203", Kind.REFUSED), *_PAID, Mends(), Passes(seconds=3700)), (A.BOOK, A.REFUND)),
    Case((goes("settle", Kind.LOST_BEFORE), *_UNKNOWN_IN_HIS), (A.BOOK, A.REFUND, A.ASK_AGAIN)),
    Case((goes("settle", Kind.LOST_AFTER), *_UNKNOWN_IN_HIS), (A.ACCEPT, A.REFUND, A.ASK_AGAIN)),
    Case((*_PAID, goes("6203", Kind.LOST_BEFORE, 3), Refund(), Passes(seconds=130)), (A.REFUND, A.CLOSE_UNPAID), 1),
    Case(
        (*_PAID, goes("6203", Kind.LOST_AFTER, 3), goes("6301", Kind.LOST_BEFORE), Refund(), Passes(seconds=700)),
        (A.ACCEPT, A.ASK_AGAIN),
        1,
    ),
)


def opened(case: Case) -> tuple[Step, ...]:
    """From interface 1 to the review queue."""
    return (PreSettle(), *case.way)


def decision(refund_no: int, action: ReviewAction, *, alone: bool, order: int = 0) -> tuple[Step, ...]:
    """One proposes, and another approves; `alone`: or the same one."""
    proposes = Proposes(order=order, refund_no=refund_no, action=action)
    return (proposes, Approves(order=order, refund_no=refund_no, action=action, alone=alone))
