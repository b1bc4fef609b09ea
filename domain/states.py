"""The payment as a state machine: the single truth that the workflow, the records, the API and the documents read."""

from enum import StrEnum


class PaymentState(StrEnum):
    RECEIVED = "RECEIVED"
    PRICED = "PRICED"
    FEE_UPLOADED = "FEE_UPLOADED"
    PRE_SETTLED = "PRE_SETTLED"
    PAID = "PAID"
    REGISTERED = "REGISTERED"
    SETTLED = "SETTLED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"
    REVERSING = "REVERSING"
    REVERSED = "REVERSED"
    IN_REVIEW = "IN_REVIEW"


_S = PaymentState

TERMINAL = frozenset({_S.SETTLED, _S.REJECTED, _S.EXPIRED, _S.CANCELLED, _S.REVERSED})
"""Where a payment ends. IN_REVIEW is not an end: somebody must decide."""

UNPAID_ENDS = frozenset({_S.REJECTED, _S.EXPIRED, _S.CANCELLED})

TRANSITIONS: dict[PaymentState, frozenset[PaymentState]] = {
    _S.RECEIVED: frozenset({_S.PRICED, _S.REJECTED}),
    _S.PRICED: frozenset({_S.FEE_UPLOADED, _S.REJECTED, _S.CANCELLED}),
    _S.FEE_UPLOADED: frozenset({_S.PRE_SETTLED, _S.REJECTED, _S.CANCELLED, _S.IN_REVIEW}),
    _S.PRE_SETTLED: frozenset({_S.PAID, _S.REJECTED, _S.EXPIRED, _S.CANCELLED, _S.IN_REVIEW}),
    _S.PAID: frozenset({_S.REGISTERED, _S.SETTLED, _S.REVERSING, _S.IN_REVIEW}),
    _S.REGISTERED: frozenset({_S.SETTLED, _S.REVERSING, _S.IN_REVIEW}),
    _S.REVERSING: frozenset({_S.REVERSED, _S.IN_REVIEW}),
    _S.REVERSED: frozenset({_S.IN_REVIEW}),
    _S.IN_REVIEW: frozenset(TERMINAL),
    _S.SETTLED: frozenset(),
    _S.REJECTED: frozenset({_S.IN_REVIEW}),
    _S.EXPIRED: frozenset({_S.IN_REVIEW}),
    _S.CANCELLED: frozenset({_S.IN_REVIEW}),
}
"""What may follow what. Unpaid ends and REVERSED may still open a review: money or a booking that came late."""

STORY = (_S.RECEIVED, _S.PRICED, _S.FEE_UPLOADED, _S.PRE_SETTLED, _S.PAID, _S.REGISTERED, _S.SETTLED)
"""The way of a payment that goes well, in order."""


def may_follow(current: PaymentState, following: PaymentState) -> bool:
    """Whether `following` may be the next state after `current`."""
    return following in TRANSITIONS[current]


def has_reached(current: PaymentState, milestone: PaymentState) -> bool:
    """Whether a payment on the good way is at `milestone` or past it. A state off that way has reached nothing."""
    return current in STORY and STORY.index(current) >= STORY.index(milestone)
