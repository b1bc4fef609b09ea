"""How hypothesis makes scripts. Weights are by repetition."""

from collections.abc import Iterable

from hypothesis import strategies as st

from domain.insurance import RefundType
from domain.orders import CashRefundedBy, Registers
from domain.reviews import ReviewAction
from simulator.insurance.control import PayOutcome
from tests.property.cases import CASES, Case, decision, opened
from tests.property.losses import STEPS as STEPS_OF_WORKFLOWS
from tests.property.losses import completion_of, task_before
from tests.property.run import BILLS, CLINICS, RECORDS, HospitalSpec, OrderSpec
from tests.property.script import Script
from tests.property.sides.faults import Fault, Kind
from tests.property.steps.kinds import (
    Approves,
    CallerBooks,
    CallerRegisters,
    Cancel,
    CancelledInTemporal,
    Goes,
    Mends,
    Notice,
    Passes,
    Pay,
    PaysLate,
    PreSettle,
    Proposes,
    Refund,
    Settle,
    Step,
    Visit,
)

NOISE_MAX = 4
"""Steps between two of the spine."""
TROUBLES_MAX = 6
"""Faults that lie ready before anything happens: several together make the rarest ways."""
ORDERS_MAX = 3

_ANYWHERE = (Kind.LOST_BEFORE, Kind.LOST_AFTER, Kind.NOT_SENT, Kind.DIES_BEFORE, Kind.DIES_AFTER)
_CHANGE = (*_ANYWHERE, Kind.REFUSED, Kind.REFUSED_AFTER, Kind.LATE)
_FAULTS: dict[str, tuple[Kind, ...]] = {
    # Not refused and done: the protocol (3.1) believes the refusal of a first 6201, which leaves nothing payable.
    "6201": (*_ANYWHERE, Kind.REFUSED, Kind.LATE),
    "6202": (*_CHANGE, Kind.WRONG_AMOUNT),
    "6301": (*_ANYWHERE, Kind.REFUSED, Kind.WRONG_AMOUNT, Kind.PAYS_BEFORE, Kind.PAYS_AFTER),
    "6401": (*_CHANGE, Kind.PAYS_BEFORE),
    "6203": (*_CHANGE, Kind.UNDECIDED_BEFORE, Kind.UNDECIDED_AFTER),
    "patient": (*_ANYWHERE, Kind.REFUSED),
    "prescription_fees": (*_ANYWHERE, Kind.REFUSED),
    "visit": (*_ANYWHERE, Kind.REFUSED),
    "register": _CHANGE,
    "registration_query": (*_ANYWHERE, Kind.REFUSED),
    "settle": _CHANGE,
    "settlement_query": (*_ANYWHERE, Kind.REFUSED),
    "cancel_registration": _CHANGE,
    "refund": _CHANGE,
}

_WEIGHTS = {"settle": 4, "register": 3, "settlement_query": 3, "6203": 4, "6301": 3, "6401": 2}
"""What goes wrong after the money has moved is worth more than what only ends a payment early."""

_order = st.sampled_from((0, 0, 0, 1, 2))
_times = st.sampled_from((1, 1, 2, 3, 8, -1))


def _faults_of(txns: Iterable[str], times: st.SearchStrategy[int]) -> st.SearchStrategy[Goes]:
    which = st.sampled_from([(txn, kind) for txn in txns for kind in _FAULTS[txn]])
    return st.builds(lambda each, often: Goes(fault=Fault(txn=each[0], kind=each[1], times=often)), which, times)


_goes = st.sampled_from([txn for txn in _FAULTS for _ in range(_WEIGHTS.get(txn, 1))]).flatmap(
    lambda txn: _faults_of([txn], _times)
)
_records_fault = st.sampled_from((1, 2, 5)).map(lambda times: Fault(txn=RECORDS, kind=Kind.LOST_BEFORE, times=times))

_loss = st.tuples(
    st.sampled_from([name for step in STEPS_OF_WORKFLOWS for name in (completion_of(step), task_before(step))]),
    st.sampled_from((1, 1, 2)),
).map(lambda parts: Goes(fault=Fault(txn=parts[0], kind=Kind.LOST_AFTER, times=parts[1])))
"""What Temporal loses of what we did."""

_refund = st.builds(
    Refund,
    order=_order,
    refund_no=st.sampled_from((1, 1, 2, 3)),
    refund_type=st.sampled_from(RefundType),
    amount_fen=st.sampled_from((None, 1, 700)),
    at_once=st.sampled_from((False, False, True)),
)

_action = st.sampled_from(ReviewAction)
_refund_case = st.sampled_from((0, 0, 0, 1, 2))
_decisions = st.builds(
    decision, _refund_case, _action, alone=st.sampled_from((False, False, False, True)), order=_order
)
_pays_late = st.builds(PaysLate, order=_order, hinted=st.sampled_from((True, True, False)))

CALM: list[st.SearchStrategy[Step]] = [
    st.builds(PreSettle, order=_order),
    st.builds(PreSettle, order=_order),
    st.builds(Pay, order=_order),
    st.builds(Pay, order=_order, outcome=st.sampled_from(PayOutcome)),
    st.builds(Settle, order=_order, visit=st.sampled_from(Visit), calls=st.sampled_from((1, 1, 2))),
    st.builds(Settle, order=_order),
    st.builds(Passes, seconds=st.sampled_from((5, 40, 130, 400, 1000, 1900, 3700))),
    st.builds(CallerRegisters, order=_order),
    st.builds(CallerBooks, order=_order),
    st.builds(Cancel, order=_order),
    st.builds(Notice, order=_order),
    _refund,
    st.builds(CancelledInTemporal, order=_order),
]
"""What people do, and time."""

STEPS: list[st.SearchStrategy[Step]] = [
    *CALM,
    _goes,
    _goes,
    _goes,
    st.builds(Goes, fault=_records_fault),
    _loss,
    _loss,
    st.builds(Mends),
    _pays_late,
    st.builds(Proposes, order=_order, refund_no=_refund_case, action=_action),
    st.builds(Approves, order=_order, refund_no=_refund_case, action=_action),
]

_prescriptions = st.lists(st.sampled_from(sorted(BILLS)), min_size=1, max_size=2, unique=True).map(tuple)
_outpatient = st.builds(OrderSpec, bills=_prescriptions)
_registration = st.builds(OrderSpec, clinic=st.sampled_from(sorted(CLINICS)), names_visit=st.booleans())
_hospital = st.builds(
    HospitalSpec,
    registers=st.sampled_from(Registers),
    cash_refunded_by=st.sampled_from((CashRefundedBy.CENTRE, CashRefundedBy.CENTRE, CashRefundedBy.CHANNEL)),
    repeated_upload=st.sampled_from(("same_order", "refused")),
    full_refund=st.sampled_from(("refunded", "by_kind")),
)
_his_books_not = st.tuples(
    st.lists(_faults_of(["settle", "register"], st.sampled_from((3, -1, -1))), min_size=1, max_size=2),
    st.lists(_faults_of(["6203", "6301", "settlement_query", "registration_query", "cancel_registration"], _times)),
).map(lambda parts: [*parts[0], *parts[1][:TROUBLES_MAX]])
_trouble = st.one_of(
    st.lists(_goes, max_size=TROUBLES_MAX),
    st.lists(st.one_of(_goes, _loss, _loss), max_size=TROUBLES_MAX),
    _his_books_not,
)
"""Anything; or what leads to a reversal, and what can happen on that way."""
_spine = (
    st.just([PreSettle()]),
    st.builds(Pay, outcome=st.sampled_from((PayOutcome.PAID, PayOutcome.PAID, *PayOutcome))).map(lambda step: [step]),
    st.builds(Settle, visit=st.sampled_from(Visit)).map(lambda step: [step]),
)
_another = st.lists(
    st.sampled_from((PreSettle(order=1), Pay(order=1), Settle(order=1), PreSettle(order=2))), max_size=3
)


def _steps(
    trouble: st.SearchStrategy[list[Goes]], kinds: list[st.SearchStrategy[Step]]
) -> st.SearchStrategy[tuple[Step, ...]]:
    """A payment that is ordered and mostly paid and settled, and what else happens before, between and after."""
    noise = st.lists(st.one_of(kinds), max_size=NOISE_MAX)
    return st.tuples(
        trouble,
        _spine[0],
        noise,
        st.one_of(_spine[1], _spine[1], _spine[1], st.just([])),
        noise,
        _another,
        st.one_of(_spine[2], _spine[2], st.just([])),
        noise,
    ).map(lambda parts: tuple(step for part in parts for step in part))


_refunds_fail = st.lists(
    st.one_of(_faults_of(["6203", "6203", "6301", "refund"], _times), _loss), max_size=TROUBLES_MAX
)
_refunded = st.tuples(
    _refunds_fail,
    st.lists(_refund, min_size=1, max_size=4),
    st.lists(st.one_of(*CALM, _goes), max_size=NOISE_MAX),
    st.lists(_refund, max_size=2),
).map(lambda parts: (PreSettle(), Pay(), Settle(), *(step for part in parts for step in part)))
"""A payment that is settled, and what can happen to its refunds."""
_late = st.tuples(
    st.lists(_goes, max_size=2),
    st.sampled_from(((Cancel(),), (Passes(seconds=1900),), (Pay(outcome=PayOutcome.DECLINED), Passes(seconds=130)))),
    st.lists(st.one_of(CALM), max_size=2),
    _pays_late,
    st.lists(st.one_of(STEPS), max_size=NOISE_MAX),
).map(lambda parts: (*parts[0], PreSettle(), *parts[1], *parts[2], parts[3], *parts[4]))
"""A payment that ends unpaid, and money that comes after it."""


def _decided_case(case: Case) -> st.SearchStrategy[tuple[Step, ...]]:
    safe = st.builds(decision, st.just(case.refund_no), st.sampled_from(case.actions), alone=st.just(value=False))
    noise = st.lists(st.one_of(STEPS), max_size=2).map(tuple)
    mends = st.sampled_from(((Mends(),), (Mends(),), ()))
    parts = st.tuples(
        st.lists(_goes, max_size=2).map(tuple), st.just(opened(case)), noise, mends, safe, noise, _decisions
    )
    return parts.map(_joined)


def _joined(parts: tuple[tuple[Step, ...], ...]) -> tuple[Step, ...]:
    return tuple(step for part in parts for step in part)


_decided = st.sampled_from(CASES).flatmap(_decided_case)
"""What comes before people, and what they decide, while things may go on happening."""
_rough = _steps(_trouble, STEPS)
_calm = _steps(st.just([]), CALM)

SCRIPTS: st.SearchStrategy[Script] = st.builds(
    Script,
    hospital=_hospital,
    orders=st.lists(st.one_of(_outpatient, _registration), min_size=1, max_size=ORDERS_MAX).map(tuple),
    steps=st.one_of(_rough, _rough, _rough, _decided, _refunded, _late, _decided, _calm),
    heals=st.booleans(),
)
