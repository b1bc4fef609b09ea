"""Side effects of a payment's or refund's transition, whatever caused it. Pure: storage carries them out."""

from dataclasses import dataclass
from enum import Enum, auto

from domain.notifications import NotificationEvent, event_of
from domain.states import REFUND_DONE, RELEASING, SETTLED_STATES, PaymentState, RefundState


class Release(Enum):
    """Which of the payment's bill locks are released (product rule 3)."""

    EVERY_BILL = auto()
    REGISTRATION = auto()
    """Only a registration's: the patient may book another one on the same day."""


class CaseChange(Enum):
    """What happens to the case in the review queue."""

    OPENS = auto()
    CLOSES = auto()


@dataclass(frozen=True)
class Effects:
    """Effects of a payment's transition. `tells`: the event that the caller is notified of."""

    releases: Release | None = None
    tells: NotificationEvent | None = None
    case: CaseChange | None = None


@dataclass(frozen=True)
class RefundEffects:
    """Effects of a refund's transition. `shows`: the payment's new state.

    `gives_back`: whether the reserved amount becomes refundable again.
    """

    shows: PaymentState | None = None
    gives_back: bool = False
    tells: NotificationEvent | None = None
    case: CaseChange | None = None


def effects_of(old: PaymentState | None, new: PaymentState) -> Effects:
    """Effects of a payment's transition from `old` to `new`, which differ. `old` None: the payment has just started."""
    return Effects(_releases(new), None if new in _TOLD_BY_REFUNDS else event_of(new), _case(old, new))


def effects_of_refund(new: RefundState) -> RefundEffects:
    """Effects of a refund's transition to `new`, whatever its state was."""
    if new in {RefundState.PROPOSED, RefundState.REFUNDING}:
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


_TOLD_BY_REFUNDS = SETTLED_STATES - {PaymentState.SETTLED}
"""Each refund notifies by itself: two partial ones leave the payment in the same state, and both must be told."""


def _releases(new: PaymentState) -> Release | None:
    if new in RELEASING:
        return Release.EVERY_BILL
    return Release.REGISTRATION if new is PaymentState.SETTLED else None


def _case(old: PaymentState | None, new: PaymentState) -> CaseChange | None:
    if new is PaymentState.IN_REVIEW:
        return CaseChange.OPENS
    return CaseChange.CLOSES if old is PaymentState.IN_REVIEW else None
