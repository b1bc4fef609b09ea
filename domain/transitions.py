"""What follows from a new state of a payment or a refund, whoever brought it about. Pure: storage carries it out."""

from dataclasses import dataclass
from enum import Enum, auto

from domain.notifications import NotificationEvent, event_of
from domain.states import REFUND_DONE, RELEASING, SETTLED_STATES, PaymentState, RefundState


class Release(Enum):
    """Which of the payment's bill locks end (product rule 3)."""

    EVERY_BILL = auto()
    REGISTRATION = auto()
    """Those of a registration only: another one may follow on the same day."""


class CaseChange(Enum):
    """What becomes of the case in the review queue."""

    OPENS = auto()
    CLOSES = auto()


@dataclass(frozen=True)
class Effects:
    """Of a payment's transition. `tells`: the event that the caller is notified of."""

    releases: Release | None = None
    tells: NotificationEvent | None = None
    case: CaseChange | None = None


@dataclass(frozen=True)
class RefundEffects:
    """Of a refund's transition. `shows`: the state that its payment comes to by it.

    `gives_back`: whether what it had reserved may be refunded again.
    """

    shows: PaymentState | None = None
    gives_back: bool = False
    tells: NotificationEvent | None = None
    case: CaseChange | None = None


def effects_of(old: PaymentState | None, new: PaymentState) -> Effects:
    """Of a payment that comes from `old`, which is another state, or None where it only began."""
    return Effects(_releases(new), None if new in _BY_REFUNDS else event_of(new), _case(old, new))


def effects_of_refund(new: RefundState) -> RefundEffects:
    """Of a refund that comes to `new`, from wherever."""
    if new is RefundState.REFUNDING:
        return RefundEffects()
    shows = PaymentState(new.value) if new in REFUND_DONE else None
    if new is RefundState.IN_REVIEW:
        return RefundEffects(tells=NotificationEvent.IN_REVIEW, case=CaseChange.OPENS)
    return RefundEffects(
        shows=shows,
        gives_back=shows is None,
        tells=event_of(shows) if shows is not None else None,
        case=CaseChange.CLOSES,
    )


_BY_REFUNDS = SETTLED_STATES - {PaymentState.SETTLED}
"""The refund tells of them: two in a row may leave the payment in one state, and the caller hears of both."""


def _releases(new: PaymentState) -> Release | None:
    if new in RELEASING:
        return Release.EVERY_BILL
    return Release.REGISTRATION if new is PaymentState.SETTLED else None


def _case(old: PaymentState | None, new: PaymentState) -> CaseChange | None:
    if new is PaymentState.IN_REVIEW:
        return CaseChange.OPENS
    return CaseChange.CLOSES if old is PaymentState.IN_REVIEW else None
