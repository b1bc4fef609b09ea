"""Each rule about what was told, and about the books, finds what it is for, and nothing in a payment that went well."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from domain.errors import Outcome
from domain.orders import Category
from domain.states import PaymentState
from domain.values.china_time import to_china
from domain.values.fen import Fen
from storage.records import TimelineEntry, TimelineKind
from tests.chaos import rules
from tests.chaos.books import Case
from tests.chaos.plan import Story, Wish
from tests.chaos.told import Answer, Asked, Promise
from tests.property.rules.found import Found
from tests.support.values.orders import outpatient

_PAID_AT = 100.0
_WISH = Wish(
    number="C1-00001",
    hospital="main",
    category=Category.OUTPATIENT,
    patient_id="100001",
    bill="900099",
    total_fen=Fen(100),
    story=Story.PAYS,
    begins_s=0,
    thinks_s=0,
    notice=True,
    looks=0,
)


def told(at: float, asked: Asked, promise: Promise | None = None, **facts: Any) -> Answer:
    """An answer within a second."""
    return Answer(began=at - 1, at=at, asked=asked, status=200, promise=promise, **facts)


QUOTE = told(10, Asked.PRE_SETTLE, Promise.PAYABLE, pay_ord_id="ORD1", amounts=("1.00", "0.20", "0.20", "0.60"))
SETTLED = told(20, Asked.SETTLE, Promise.SETTLED, pay_ord_id="ORD1", amounts=("1.00", "0.20", "0.20", "0.60"))
CANCELLED = told(20, Asked.CANCEL, Promise.ENDED, end="CANCELLED")


def case(*answers: Answer, state: PaymentState | None = PaymentState.SETTLED, **facts: Any) -> Case:
    """A payment with a row in `state`, at the centre as ORD1, paid and booked once."""
    found = SimpleNamespace(
        row=SimpleNamespace(state=state, note=""),
        centre=None,
        visits=[],
        refunds=[],
        run=SimpleNamespace(paid_late=set()),
    )
    known: dict[str, Any] = {
        "wish": _WISH,
        "answers": list(answers),
        "events": [("notify-1", told(30, Asked.WEBHOOK, Promise.SETTLED, code="payment.settled"))],
        "found": cast("Found", found) if state else None,
        "timeline": [],
        "review": None,
        "centre_calls": [],
        "his_calls": [],
        "centre_rows": [{"pay_ord_id": "ORD1", "ord_stas": 6}],
        "his_rows": [{}],
        "workflow_status": "COMPLETED",
        "paid_at": _PAID_AT,
    }
    return Case(**(known | facts))


def call(at: float, name: str) -> TimelineEntry:
    """A call of ours that was answered at once."""
    moment = datetime.fromtimestamp(at, UTC)
    return TimelineEntry(at=moment, kind=TimelineKind.CALL, name=name, outcome=Outcome.DONE, duration_ms=10)


def at_centre(*calls: tuple[str, str]) -> list[dict[str, object]]:
    at = to_china(datetime.fromtimestamp(10, UTC))
    return [{"txn": txn, "verdict": verdict, "fault": None, "at": at} for txn, verdict in calls]


def is_kept(rule: Callable[[Case], None], case_: Case) -> bool:
    try:
        rule(case_)
    except AssertionError:
        return False
    return True


@pytest.mark.parametrize("rule", rules.RULES)
def test_nothing_is_found_where_all_went_well(rule: Callable[[Case], None]) -> None:
    assert is_kept(rule, case(QUOTE, SETTLED, timeline=[call(5, "6202"), call(101, "6301")]))


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        (rules.settled_stays_settled, case(SETTLED, told(30, Asked.SETTLE, Promise.ENDED, code="REVERSED"))),
        (rules.settled_stays_settled, case(SETTLED, told(30, Asked.LOOK, code="IN_REVIEW"))),
        (rules.settled_stays_settled, case(SETTLED, told(30, Asked.WEBHOOK, code="payment.in_review"))),
        (rules.settled_stays_settled, case(SETTLED, state=PaymentState.IN_REVIEW)),
        (rules.an_end_stays_that_end, case(CANCELLED, told(30, Asked.PRE_SETTLE, Promise.PAYABLE))),
        (rules.an_end_stays_that_end, case(CANCELLED, told(30, Asked.WEBHOOK, Promise.SETTLED))),
        (rules.an_end_stays_that_end, case(CANCELLED, told(30, Asked.LOOK, code="PRE_SETTLED"))),
        (rules.an_end_stays_that_end, case(CANCELLED, state=PaymentState.PRE_SETTLED)),
        (
            rules.an_end_stays_that_end,
            case(CANCELLED, told(30, Asked.LOOK, Promise.ENDED, end="EXPIRED"), state=PaymentState.EXPIRED),
        ),
        (rules.one_order_is_quoted, case(QUOTE, told(30, Asked.PRE_SETTLE, Promise.PAYABLE, pay_ord_id="ORD2"))),
        (rules.booked_once, case(his_rows=[{}, {}])),
        (rules.asked_before_repeated, case(centre_calls=at_centre(("6202", "applied"), ("6202", "applied")))),
        (rules.asked_before_repeated, case(centre_calls=at_centre(("6202", "refused")))),
        (rules.paid_is_not_touched, case(timeline=[call(101, "6301"), call(102, "6401")])),
        (rules.paid_is_not_touched, case(timeline=[call(101, "6301"), call(102, "6202")])),
        (rules.money_is_accounted_for, case(state=PaymentState.EXPIRED)),
        (rules.money_is_accounted_for, case(state=PaymentState.IN_REVIEW)),
        (rules.money_is_accounted_for, case(state=None)),
        (rules.nobody_is_left_alone, case(workflow_status="RUNNING")),
        (rules.nobody_is_left_alone, case(workflow_status="FAILED")),
        (rules.nobody_is_left_alone, case(state=PaymentState.PRE_SETTLED, workflow_status="RUNNING")),
        (rules.nobody_is_left_alone, case(state=PaymentState.IN_REVIEW)),
        (rules.nobody_is_left_alone, case(QUOTE, state=None, centre_rows=[])),
        (rules.each_end_is_told_once, case(events=[])),
        (
            rules.each_end_is_told_once,
            case(events=[(name, told(30, Asked.WEBHOOK, code="payment.settled")) for name in ("one", "two")]),
        ),
    ],
)
def test_what_is_wrong_is_found(rule: Callable[[Case], None], wrong: Case) -> None:
    assert not is_kept(rule, wrong)


@pytest.mark.parametrize(
    ("rule", "right"),
    [
        # Asked before the other was told, and answered after it.
        (rules.settled_stays_settled, case(SETTLED, Answer(15, 25, Asked.LOOK, 200, "PRE_SETTLED"))),
        (rules.an_end_stays_that_end, case(CANCELLED, Answer(15, 25, Asked.LOOK, 200), state=PaymentState.CANCELLED)),
        # A refund's review is not the payment's.
        (rules.settled_stays_settled, case(SETTLED, told(30, Asked.WEBHOOK, code="payment.in_review", refund_no="R1"))),
        # Money that came late.
        (rules.an_end_stays_that_end, case(CANCELLED, state=PaymentState.IN_REVIEW)),
        # The question between.
        (
            rules.asked_before_repeated,
            case(centre_calls=at_centre(("6202", "applied"), ("6301", "applied"), ("6202", "applied"))),
        ),
        # It was late, and the order revoked or paid meanwhile.
        (rules.asked_before_repeated, case(centre_calls=at_centre(("6401", "applied"), ("6202", "refused")))),
        (rules.asked_before_repeated, case(centre_calls=at_centre(("6202", "refused")), paid_at=12.0)),
        # It was paid while 6301 was being answered.
        (rules.paid_is_not_touched, case(timeline=[call(99.5, "6301"), call(102, "6401")])),
        # HIS is watched for a while after a reversal.
        (rules.nobody_is_left_alone, case(state=PaymentState.REVERSED, workflow_status="RUNNING")),
    ],
)
def test_what_is_right_is_not(rule: Callable[[Case], None], right: Case) -> None:
    assert is_kept(rule, right)


class TestOneBill:
    """Two payments of a bill: the later one is pre-settled when the earlier one is over, not before."""

    @pytest.mark.parametrize(("pre_settled_at", "found"), [(40.0, 0), (20.0, 1)])
    def test_at_every_moment(self, pre_settled_at: float, found: int) -> None:
        earlier = of_bill("C1-00001", ("PRE_SETTLED", 10.0), ("CANCELLED", 30.0))
        later = of_bill("C1-00002", ("PRE_SETTLED", pre_settled_at), ("SETTLED", 50.0))
        assert len(list(rules._bills_of_two([earlier, later]))) == found


def of_bill(number: str, *states: tuple[str, float]) -> Case:
    """A payment of the same bill as all others here, with its states."""
    one = case(
        wish=replace(_WISH, number=number),
        state=PaymentState(states[-1][0]),
        timeline=[
            TimelineEntry(at=datetime.fromtimestamp(at, UTC), kind=TimelineKind.STATE, name=name) for name, at in states
        ],
    )
    assert one.found is not None
    order = outpatient(number, order_ids=("900099",))
    row = SimpleNamespace(state=PaymentState(states[-1][0]), note="", accepted_at=datetime.fromtimestamp(1, UTC))
    run = SimpleNamespace(paid_late=set())
    return replace(one, found=cast("Found", SimpleNamespace(order=order, row=row, run=run)))
