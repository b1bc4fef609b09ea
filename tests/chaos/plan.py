"""What a campaign does, all of it from its seed: the payments, the faults of other parties, what happens to processes.

Only the moments at which things really happen vary from run to run.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from domain.errors import Transaction
from domain.insurance import RefundType
from domain.orders import Category
from domain.values.fen import Fen
from simulator.core.faults import FaultKind

DatabaseKind = Literal["sqlite", "postgresql"]
PATIENTS = {"100001": ("110101199003070134", "V1"), "100002": ("11010119900307109X", "V2")}
"""PATIENT_ID to identity number and visit: whom the HIS simulator knows and the centre insures."""

UNINSURED, UNINSURED_ID_NO = "100003", "110101199003072711"
REGISTRATION_FEN = Fen(2_500)
FAULTS_PERCENT = 20
"""Faults of the other parties, for a hundred payments."""

RIVALS, CALLERS_OWN, ODDLY_MANY = 0.12, 0.3, 4


class Story(StrEnum):
    """What caller and patient do after interface 1."""

    PAYS = "pays"
    AUTO_FINISH = "auto_finish"
    """The patient pays, and nobody calls interface 2."""
    REFUNDED = "refunded"
    NEVER_PAYS = "never_pays"
    LAST_MOMENT = "last_moment"
    """The patient pays as the window closes."""
    LATE = "late"
    """The patient pays when it has closed."""
    CANCELS = "cancels"
    CANCELS_AT_ONCE = "cancels_at_once"
    """While interface 1 is being answered."""
    CANCELS_AND_PAYS = "cancels_and_pays"
    DECLINES = "declines"
    ABNORMAL = "abnormal"
    DESERTS = "deserts"
    """The caller asks once and never comes back."""
    WRONG_TOTAL = "wrong_total"
    UNINSURED = "uninsured"


_WEIGHTS = {
    Story.PAYS: 30,
    Story.AUTO_FINISH: 8,
    Story.REFUNDED: 12,
    Story.NEVER_PAYS: 8,
    Story.LAST_MOMENT: 6,
    Story.LATE: 6,
    Story.CANCELS: 8,
    Story.CANCELS_AT_ONCE: 4,
    Story.CANCELS_AND_PAYS: 5,
    Story.DECLINES: 2,
    Story.ABNORMAL: 1,
    Story.DESERTS: 6,
    Story.WRONG_TOTAL: 2,
    Story.UNINSURED: 2,
}


@dataclass(frozen=True)
class WantedRefund:
    """`fen`: of a part of the cash; None for all that `kind` says."""

    number: str
    kind: RefundType
    fen: Fen | None


@dataclass(frozen=True)
class Wish:
    """One payment. `bill`: ORDER_ID or CLINIC_ID. `begins_s`: after the campaign's start.

    `thinks_s`: between the quote and what the patient does. `notice`: whether 6302 is sent. `looks`: how often the
    caller asks again after its answer. `hospital`: where medpay registers visits, or where callers do.
    """

    number: str
    hospital: Literal["main", "callers"]
    category: Category
    patient_id: str
    bill: str
    total_fen: Fen
    story: Story
    begins_s: float
    thinks_s: float
    notice: bool
    looks: int
    refunds: tuple[WantedRefund, ...] = ()


class Component(StrEnum):
    """What can be killed. `WORKERS`: both workers in the same moment."""

    WORKER_1 = "worker-1"
    WORKER_2 = "worker-2"
    WORKERS = "workers"
    API_1 = "api-1"
    API_2 = "api-2"
    TEMPORAL = "temporal"
    CENTRE = "simulator-insurance"
    HIS = "simulator-his"
    POSTGRESQL = "postgresql"


class Harm(StrEnum):
    KILL = "SIGKILL"
    FREEZE = "SIGSTOP"
    STOP = "SIGTERM"


@dataclass(frozen=True)
class Disturbance:
    """`lasts_s`: until the component is started or woken again. `aim`: the call at which it strikes, `after_ms` later.

    Without an aim it strikes at `at_s`; with one, at the first such call after that.
    """

    at_s: float
    component: Component
    harm: Harm
    lasts_s: float
    aim: Transaction | None
    after_ms: int


@dataclass(frozen=True)
class PartyFault:
    """A fault of the centre's or HIS's simulator, set at `at_s`."""

    at_s: float
    txn: Transaction
    kind: FaultKind
    times: int
    seconds: float | None


@dataclass(frozen=True)
class Plan:
    seed: int
    lasts_s: float
    wishes: tuple[Wish, ...]
    disturbances: tuple[Disturbance, ...]
    faults: tuple[PartyFault, ...]


def plan_of(
    seed: int,
    payments: int,
    kills: int,
    lasts_s: float,
    database: DatabaseKind,
    *,
    faults_percent: int = FAULTS_PERCENT,
) -> Plan:
    """`lasts_s`: over how long payments begin and things are killed."""
    dice = random.Random(seed)  # noqa: S311 - made to be repeated
    wishes = tuple(_wishes(dice, f"C{seed}", payments, lasts_s))
    return Plan(
        seed=seed,
        lasts_s=lasts_s,
        wishes=wishes,
        disturbances=tuple(_disturbances(dice, kills, lasts_s, database)),
        faults=tuple(_faults(dice, payments * faults_percent // 100, lasts_s)),
    )


def _wishes(dice: random.Random, prefix: str, count: int, lasts_s: float) -> Iterator[Wish]:
    earlier: Wish | None = None
    for place in range(count):
        begins_s = place * lasts_s / count
        wish = _wish(dice, f"{prefix}-{place:05d}", place, begins_s)
        if earlier is not None and earlier.story not in _NEVER_PRICED and dice.random() < RIVALS:
            # A newcomer on the same bill: of the same patient, at the same hospital.
            wish = _rival(dice, wish, earlier)
        yield wish
        earlier = wish


_NEVER_PRICED = frozenset({Story.WRONG_TOTAL, Story.UNINSURED})


def _wish(dice: random.Random, number: str, place: int, begins_s: float) -> Wish:
    story = dice.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
    registration = dice.random() < CALLERS_OWN
    bill = f"29{place:05d}" if registration else f"9{place:05d}"
    return Wish(
        number=number,
        hospital="callers" if dice.random() < CALLERS_OWN else "main",
        category=Category.REGISTRATION if registration else Category.OUTPATIENT,
        patient_id=UNINSURED if story is Story.UNINSURED else dice.choice(sorted(PATIENTS)),
        bill=bill,
        total_fen=REGISTRATION_FEN if registration else Fen(place % 100_000 + 1),
        story=story,
        begins_s=begins_s,
        thinks_s=dice.uniform(0, 4),
        notice=dice.random() < 0.5,
        looks=dice.choice((0, 0, 1, 2, 3)),
        refunds=_refunds(dice) if story is Story.REFUNDED else (),
    )


def _rival(dice: random.Random, wish: Wish, earlier: Wish) -> Wish:
    return Wish(
        number=wish.number,
        hospital=earlier.hospital,
        category=earlier.category,
        patient_id=earlier.patient_id,
        bill=earlier.bill,
        total_fen=earlier.total_fen,
        story=dice.choice((Story.PAYS, Story.PAYS, Story.AUTO_FINISH, Story.NEVER_PAYS, Story.CANCELS)),
        begins_s=earlier.begins_s + dice.uniform(0, 6),
        thinks_s=wish.thinks_s,
        notice=wish.notice,
        looks=wish.looks,
    )


def _refunds(dice: random.Random) -> tuple[WantedRefund, ...]:
    match dice.randrange(4):
        case 0:
            return (WantedRefund("R1", RefundType.ALL, None),)
        case 1:
            return (WantedRefund("R1", RefundType.HI, None), WantedRefund("R2", RefundType.CASH, None))
        case 2:
            return (WantedRefund("R1", RefundType.CASH, Fen(1)), WantedRefund("R2", RefundType.CASH, None))
    return (WantedRefund("R1", RefundType.CASH, Fen(1)), WantedRefund("R2", RefundType.ALL, None))


_STRUCK: dict[Component, int] = {
    Component.WORKER_1: 4,
    Component.WORKER_2: 4,
    Component.WORKERS: 5,
    Component.API_1: 2,
    Component.API_2: 2,
    Component.TEMPORAL: 4,
    Component.CENTRE: 2,
    Component.HIS: 2,
    Component.POSTGRESQL: 4,
}
_AIMS = (
    *(Transaction.UPLOAD_FEES, Transaction.PLACE_ORDER, Transaction.QUERY_ORDER, Transaction.REVOKE_ORDER),
    *(Transaction.REFUND, Transaction.REGISTER, Transaction.SETTLE, Transaction.SETTLE),
)
_PARTIES = frozenset({Component.CENTRE, Component.HIS})


def _disturbances(dice: random.Random, count: int, lasts_s: float, database: DatabaseKind) -> Iterator[Disturbance]:
    struck = {each: weight for each, weight in _STRUCK.items() if _exists(each, database)}
    for place in range(count):
        harm = dice.choices((Harm.KILL, Harm.FREEZE, Harm.STOP), (5, 4, 2))[0]
        component = dice.choices(list(struck), list(struck.values()))[0]
        aimed = component not in _PARTIES and dice.random() < 0.6
        yield Disturbance(
            # Never before the first payments, and the last one with some left to come.
            at_s=lasts_s * (0.05 + 0.9 * (place + dice.random()) / count),
            component=component,
            harm=harm,
            lasts_s=_lasts_s(dice, harm, component),
            aim=dice.choice(_AIMS) if aimed else None,
            after_ms=dice.choice((0, 2, 5, 10, 20, 40, 80)),
        )


def _exists(component: Component, database: DatabaseKind) -> bool:
    return component is not Component.POSTGRESQL or database == "postgresql"


def _lasts_s(dice: random.Random, harm: Harm, component: Component) -> float:
    """A freeze is at times longer than a workflow task's timeout (5 s) or a heartbeat's (8 s).

    HIS's is short: a booking that reaches it later than twice the call's timeout is beyond what can be promised.
    """
    if harm is not Harm.FREEZE:
        return dice.uniform(0, 3)
    if component is Component.HIS:
        return dice.uniform(0.5, 3.4)
    return dice.choice((dice.uniform(0.5, 3), dice.uniform(5.5, 8), dice.uniform(8.5, 16)))


_LOST = (*(FaultKind.DROP_AFTER,) * 4, *(FaultKind.DROP_BEFORE, FaultKind.HTTP_500) * 2, FaultKind.GARBAGE)
_DELAYS_S = {True: (0.8, 2.5, 4.5), False: (0.8, 2.5, 3.4)}
"""At the centre, and at HIS: within the call's timeout of 2 s, beyond it, and until after its repeat at 3 s.

At HIS never beyond 4 s, twice the timeout, when a booking is taken for lost (product rule 10)."""

_AT_CENTRE: Sequence[Transaction] = (
    *(Transaction.UPLOAD_FEES, Transaction.PLACE_ORDER, Transaction.PLACE_ORDER),
    *(Transaction.QUERY_ORDER, Transaction.QUERY_ORDER),
    *(Transaction.REVOKE_ORDER, Transaction.REFUND, Transaction.REFUND),
)
_AT_HIS: Sequence[Transaction] = (
    *(Transaction.SETTLE,) * 4,
    *(Transaction.REGISTER, Transaction.REGISTER, Transaction.SETTLEMENT_QUERY),
    *(Transaction.REGISTRATION_QUERY, Transaction.PRESCRIPTION_FEES, Transaction.PATIENT),
    *(Transaction.CANCEL_REGISTRATION, Transaction.TELL_REFUND),
)


def _faults(dice: random.Random, count: int, lasts_s: float) -> Iterator[PartyFault]:
    for place in range(count):
        txn = dice.choice(_AT_CENTRE if dice.random() < 0.5 else _AT_HIS)
        kind = dice.choice((*_LOST, *(FaultKind.DELAY,) * 2, *_special(txn)))
        yield PartyFault(
            at_s=lasts_s * (place + dice.random()) / count,
            txn=txn,
            kind=kind,
            times=dice.choice((1, 1, 1, 2, ODDLY_MANY)),
            seconds=dice.choice(_DELAYS_S[is_centres(txn)]) if kind is FaultKind.DELAY else None,
        )


def _special(txn: Transaction) -> tuple[FaultKind, ...]:
    """Faults that only some calls can have, or that would end too many payments at once."""
    match txn:
        case Transaction.PLACE_ORDER | Transaction.QUERY_ORDER:
            return (FaultKind.BAD_SIGNATURE, FaultKind.WRONG_AMOUNT)
        case Transaction.REFUND:
            return (FaultKind.EXP, FaultKind.BAD_SIGNATURE)
        case Transaction.SETTLE | Transaction.REGISTER:
            return (FaultKind.REFUSE, FaultKind.DELAY, FaultKind.DELAY)
        case Transaction.UPLOAD_FEES | Transaction.REVOKE_ORDER:
            return (FaultKind.REFUSE,)
    return ()


def is_centres(txn: Transaction) -> bool:
    """Whether the transaction is the centre's, not HIS's."""
    return txn.value.isdigit()
