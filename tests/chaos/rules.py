"""What must hold when a campaign has come to rest: the rules for one payment, and those about time and about all.

The rules for one payment are those of the random campaign (`tests/property/rules`).
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise

from domain.errors import Outcome, Transaction
from domain.notifications import NotificationEvent
from domain.orders import Category, bills_of
from domain.states import REFUND_DONE, RELEASING, SETTLED_STATES, TERMINAL, UNPAID_ENDS, PaymentState
from domain.values.china_time import from_china
from simulator.core.faults import FaultKind
from storage.records import TimelineKind
from tests.chaos.books import Case, Row
from tests.chaos.told import Answer, Asked, Promise
from tests.property.rules import payments
from tests.property.rules.found import Found
from tests.property.rules.refunds import REFUND_RULES

_PAID = 6
_IN_REVIEW = PaymentState.IN_REVIEW
LATEST_S = 6.0
"""A call that the centre has got takes effect within this, whatever delays it."""

_LOST_TRACK = frozenset({"FAILED", "TERMINATED", "CANCELED", "TIMED_OUT"})


class Broken(Exception):
    """A rule does not hold. `rule`: its name; the message says what was found."""

    def __init__(self, rule: str, what: str) -> None:
        super().__init__(what)
        self.rule = rule
        self.what = what


def broken(cases: list[Case]) -> Iterator[tuple[str, Broken]]:
    """Each payment's number with a rule that it breaks."""
    for case in cases:
        for rule in (*_OF_ONE, *RULES):
            try:
                rule(case)
            except AssertionError as error:
                yield case.wish.number, Broken(rule.__name__, str(error).splitlines()[0])
    for number, what in _bills_of_two(cases):
        yield number, Broken("no_bill_has_two_live_payments", what)


def _reused(rule: Callable[[Found], None]) -> Callable[[Case], None]:
    """A rule of the random campaign, for a payment of this one."""

    def of_case(case: Case) -> None:
        if case.found is not None:
            rule(case.found)

    of_case.__name__ = rule.__name__
    return of_case


_OF_ONE = tuple(_reused(rule) for rule in (*payments.RULES, *REFUND_RULES))


def settled_stays_settled(case: Case) -> None:
    """Who was told SETTLED is told nothing else afterwards, and it is so in the end."""
    told = [answer for answer in case.answers if answer.promise is Promise.SETTLED]
    if not told:
        return
    first = min(told, key=lambda answer: answer.at)
    other = [answer for answer in case.answers if answer.began > first.at and _is_not_settled(answer)]
    assert not other, f"told settled ({first}), then {other[0]}"
    state = case.row.state if case.row else None
    assert state in SETTLED_STATES, f"told settled ({first}), and it is {state}"


def an_end_stays_that_end(case: Case) -> None:
    """Who was told of an end is never told of a payOrdId or a settlement, nor of another end.

    A review may follow: of money that comes late, or of a booking after a reversal.
    """
    told = [answer for answer in case.answers if answer.promise is Promise.ENDED]
    if not told:
        return
    first = min(told, key=lambda answer: answer.at)
    later = [answer for answer in case.answers if answer.began > first.at]
    live = [answer for answer in later if _is_live(answer)]
    assert not live, f"told of its end ({first}), then {live[0]}"
    state = case.row.state if case.row else None
    ends = (UNPAID_ENDS | {PaymentState.REVERSED, _IN_REVIEW}) & {state}
    assert ends, f"told of its end ({first}), and it is {state}"
    other = {answer.end for answer in told} & {"EXPIRED", "CANCELLED", "REVERSED"}
    assert len(other) <= 1, f"told of different ends: {sorted(other)}"


def one_order_is_quoted(case: Case) -> None:
    """Every payOrdId told is the centre's, and so are the amounts."""
    quoted = [answer for answer in case.answers if answer.pay_ord_id]
    at_centre = {row["pay_ord_id"] for row in case.centre_rows}
    strange = {answer.pay_ord_id for answer in quoted} - at_centre
    assert not strange, f"told {strange}, and the centre has {at_centre}"
    told = {answer.amounts for answer in quoted if any(answer.amounts)}
    assert len(told) <= 1, f"told different amounts: {told}"
    if told and case.found and case.found.centre and case.found.centre.split:
        split = case.found.centre.split
        parts = (split.fee_sum_fen, split.own_pay_fen, split.psn_acct_fen, split.fund_fen)
        fen = tuple(math.floor(float(amount) * 100 + 0.5) for amount in next(iter(told)))
        assert fen == parts, f"told {fen}, and the centre has {parts}"


def booked_once(case: Case) -> None:
    """HIS books every call it gets: two rows are two settlements."""
    assert len(case.his_rows) <= 1, f"HIS has {len(case.his_rows)} settlements"
    if case.found is not None:
        visits = [visit for visit in case.found.visits if not visit["cancelled"]]
        assert len(visits) <= 1, f"HIS has {len(visits)} visits"


def asked_before_repeated(case: Case) -> None:
    """Between two 6202 that took effect there was a 6301. An order of ours is never refused for its number."""
    asked = True
    for call in case.centre_calls:
        if call["txn"] == Transaction.PLACE_ORDER and call["verdict"] == "applied":
            assert asked, "6202 took effect twice, and 6301 was not asked in between"
            asked = False
        asked = asked or call["txn"] == Transaction.QUERY_ORDER
    refused = [call for call in case.centre_calls if _is_refused_for_its_number(case, call)]
    assert not refused, f"the centre refused a 6202 at {refused[0]['at']}, and nobody had told it to"


def _is_refused_for_its_number(case: Case, call: Row) -> bool:
    """Not one that was late, and found the order revoked or paid meanwhile."""
    if call["txn"] != Transaction.PLACE_ORDER or call["verdict"] != "refused" or call["fault"] == FaultKind.REFUSE:
        return False
    revoked = any(
        other["txn"] == Transaction.REVOKE_ORDER and other["verdict"] == "applied" for other in case.centre_calls
    )
    until = from_china(call["at"]).timestamp() + LATEST_S
    return not revoked and (case.paid_at is None or case.paid_at > until)


def paid_is_not_touched(case: Case) -> None:
    """After a 6301 that must have said 6, neither 6202 nor 6401 leaves us; no paid order is ever revoked."""
    if case.paid_at is None or case.found is None:
        return
    if case.wish.number in case.found.run.paid_late:
        return
    calls = [entry for entry in case.timeline if entry.kind is TimelineKind.CALL]
    known = [
        entry.at.timestamp() + (entry.duration_ms or 0) / 1_000
        for entry in calls
        if entry.name == Transaction.QUERY_ORDER
        and entry.outcome is Outcome.DONE
        and entry.at.timestamp() > case.paid_at
    ]
    if not known:
        return
    touched = [
        entry
        for entry in calls
        if entry.name in {Transaction.PLACE_ORDER, Transaction.REVOKE_ORDER} and entry.at.timestamp() > min(known)
    ]
    assert not touched, f"{touched[0].name} left at {touched[0].at}, after 6301 had said that it is paid"


def money_is_accounted_for(case: Case) -> None:
    """The centre has taken money: it is settled here, or people look for it."""
    if case.ord_stas != _PAID:
        return
    state = case.row.state if case.row else None
    assert state in SETTLED_STATES | {_IN_REVIEW}, f"the centre has taken the money, and it is {state}"
    if state is _IN_REVIEW:
        assert case.review is not None, "in review without a case"
        assert case.review.closed_at is None, "in review, and its case is closed"


def nobody_is_left_alone(case: Case) -> None:
    """A payment under way has a workflow that runs; one that has ended has none, unless it watches HIS."""
    state = case.row.state if case.row else None
    assert case.workflow_status not in _LOST_TRACK, f"its workflow is {case.workflow_status}"
    if state is None:
        assert not case.is_open, "a workflow runs, and there is no row"
        promised = [answer for answer in case.answers if answer.promise is not None]
        assert not promised, f"told {promised[0]}, and there is no row"
        assert not case.centre_rows, "the centre has an order, and there is no row"
    elif state is _IN_REVIEW:
        assert case.is_open, "in review, and no workflow waits for people"
    elif state in TERMINAL:
        # For half an hour after a reversal HIS is asked whether it has booked all the same.
        assert not case.is_open or state is PaymentState.REVERSED, f"{state}, and its workflow still runs"
    else:
        raise AssertionError(f"under way for ever: {state}, and its workflow is {case.workflow_status}")


_EVENTS = {
    PaymentState.SETTLED: NotificationEvent.SETTLED,
    PaymentState.PARTIALLY_REFUNDED: NotificationEvent.SETTLED,
    PaymentState.REFUNDED: NotificationEvent.SETTLED,
    PaymentState.EXPIRED: NotificationEvent.EXPIRED,
    PaymentState.REVERSED: NotificationEvent.REVERSED,
    PaymentState.IN_REVIEW: NotificationEvent.IN_REVIEW,
}


def each_end_is_told_once(case: Case) -> None:
    """One notification, however often it is delivered, of the payment's end and of each refund."""
    if case.row is None:
        return
    ids: dict[tuple[str, str], set[str]] = defaultdict(set)
    for webhook_id, answer in case.events:
        ids[answer.code, answer.refund_no].add(webhook_id)
    event = _EVENTS.get(case.row.state)
    if event is not None:
        assert ids[event, ""], f"{case.row.state}, and no webhook said so"
    for refund in case.found.refunds if case.found else ():
        if refund.row.state in REFUND_DONE:
            said = [name for name, number in ids if number == refund.row.refund_no and ids[name, number]]
            assert said, f"refund {refund.row.refund_no} was made, and no webhook said so"
    twice = {name: found for name, found in ids.items() if len(found) > 1 and name[0] != NotificationEvent.IN_REVIEW}
    assert not twice, f"told more than once: {twice}"


RULES: tuple[Callable[[Case], None], ...] = (
    settled_stays_settled,
    an_end_stays_that_end,
    one_order_is_quoted,
    booked_once,
    asked_before_repeated,
    paid_is_not_touched,
    money_is_accounted_for,
    nobody_is_left_alone,
    each_end_is_told_once,
)


def _is_not_settled(answer: Answer) -> bool:
    """Whether it tells of something that a settled payment can't be. A refund may be under review by itself."""
    if answer.refund_no:
        return False
    if answer.asked is Asked.LOOK and answer.status == 200:
        return answer.code not in SETTLED_STATES
    reviewed = answer.code in {_IN_REVIEW.value, NotificationEvent.IN_REVIEW.value}
    return answer.promise is Promise.ENDED or (reviewed and answer.status == 200)


def _is_live(answer: Answer) -> bool:
    if answer.asked is Asked.LOOK and answer.status == 200:
        return answer.code not in UNPAID_ENDS | {PaymentState.REVERSED, _IN_REVIEW}
    return answer.promise in {Promise.PAYABLE, Promise.SETTLED}


def _bills_of_two(cases: list[Case]) -> Iterator[tuple[str, str]]:
    """Product rule 3: in the end, as the random campaign counts live payments, and at every moment before."""
    orders: dict[tuple[str, str], list[Case]] = defaultdict(list)
    for case in cases:
        if case.found is not None:
            for bill in bills_of(case.found.order, case.found.row.accepted_at, payable_s=0):
                orders[case.wish.hospital, bill].append(case)
    for (_, bill), rivals in orders.items():
        holders = [case.wish.number for case in rivals if case.found and payments._holds(case.found)]
        if len(holders) > 1:
            yield holders[-1], f"{bill} is held by {', '.join(holders)}"
        times = sorted((*_payable(case), case.wish.number) for case in rivals)
        for (_, until, earlier), (since, _, later) in pairwise(times):
            if since < until:
                yield later, f"{bill} could be paid with {earlier} when {later} was pre-settled"


def _payable(case: Case) -> tuple[float, float]:
    """From when until when the patient could pay it, or had: until it released its bill. Never: both are endless."""
    states = [(entry.name, entry.at.timestamp()) for entry in case.timeline if entry.kind is TimelineKind.STATE]
    since = next((at for name, at in states if name == PaymentState.PRE_SETTLED), math.inf)
    over = RELEASING | (SETTLED_STATES if case.wish.category is Category.REGISTRATION else frozenset())
    return since, next((at for name, at in states if name in over and at >= since), math.inf)
