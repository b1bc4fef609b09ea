"""The payment as a state machine: the one definition that workflow, storage, API and documentation read."""

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
    PARTIALLY_REFUNDED = "PARTIALLY_REFUNDED"
    REFUNDED = "REFUNDED"


_S = PaymentState

SETTLED_STATES = frozenset({_S.SETTLED, _S.PARTIALLY_REFUNDED, _S.REFUNDED})
"""HIS has written the settlement record. Refunds follow, each in a workflow of its own (product rule 16)."""

UNPAID_ENDS = frozenset({_S.REJECTED, _S.EXPIRED, _S.CANCELLED})

TERMINAL = SETTLED_STATES | UNPAID_ENDS | {_S.REVERSED}
"""Final states. IN_REVIEW is not one: a person must still decide."""

RELEASING = UNPAID_ENDS | {_S.REVERSED, _S.REFUNDED}
"""Final states that release the bill lock (product rule 3). A registration's lock is released by SETTLED too."""

TRANSITIONS: dict[PaymentState, frozenset[PaymentState]] = {
    _S.RECEIVED: frozenset({_S.PRICED, _S.REJECTED}),
    _S.PRICED: frozenset({_S.FEE_UPLOADED, _S.REJECTED, _S.CANCELLED}),
    _S.FEE_UPLOADED: frozenset({_S.PRE_SETTLED, _S.REJECTED, _S.CANCELLED, _S.IN_REVIEW}),
    _S.PRE_SETTLED: frozenset({_S.PAID, _S.REJECTED, _S.EXPIRED, _S.CANCELLED, _S.IN_REVIEW}),
    _S.PAID: frozenset({_S.REGISTERED, _S.SETTLED, _S.REVERSING, _S.IN_REVIEW}),
    _S.REGISTERED: frozenset({_S.SETTLED, _S.REVERSING, _S.IN_REVIEW}),
    _S.REVERSING: frozenset({_S.REVERSED, _S.IN_REVIEW}),
    _S.REVERSED: frozenset({_S.IN_REVIEW}),
    _S.IN_REVIEW: frozenset({_S.PAID, _S.REVERSING, _S.SETTLED, _S.REVERSED}) | UNPAID_ENDS,
    _S.SETTLED: frozenset({_S.PARTIALLY_REFUNDED, _S.REFUNDED}),
    _S.PARTIALLY_REFUNDED: frozenset({_S.REFUNDED}),
    _S.REFUNDED: frozenset(),
    _S.REJECTED: frozenset({_S.IN_REVIEW}),
    _S.EXPIRED: frozenset({_S.IN_REVIEW}),
    _S.CANCELLED: frozenset({_S.IN_REVIEW}),
}
"""Allowed transitions. Unpaid ends and REVERSED may still go to review: money or a booking can arrive late.

A review ends in a final state, or returns the payment to PAID (to be booked) or REVERSING.
"""

STORY = (_S.RECEIVED, _S.PRICED, _S.FEE_UPLOADED, _S.PRE_SETTLED, _S.PAID, _S.REGISTERED, _S.SETTLED)
"""The happy path, in order."""


def may_follow(current: PaymentState, following: PaymentState) -> bool:
    return following in TRANSITIONS[current]


def has_reached(current: PaymentState, milestone: PaymentState) -> bool:
    """Whether a payment on the happy path is at `milestone` or past it. False where either is off that path."""
    reached = _S.SETTLED if current in SETTLED_STATES else current
    return {reached, milestone} <= set(STORY) and STORY.index(reached) >= STORY.index(milestone)


def has_moved_on(known: PaymentState, recorded: PaymentState) -> bool:
    """Whether a workflow that knows `known` must first follow its row, which says `recorded`.

    Not on the happy path: there a step that is taken again finds its result.
    """
    on_the_way = frozenset(STORY) - TERMINAL
    if known == recorded or {known, recorded} <= SETTLED_STATES:
        return False
    return known not in on_the_way or recorded not in on_the_way


class RefundState(StrEnum):
    """State of one refund (product rule 16). REFUNDED and PARTIALLY_REFUNDED become the payment's state too.

    PROPOSED: an operator's, which nobody has approved yet. It has no row.
    """

    PROPOSED = "PROPOSED"
    REFUNDING = "REFUNDING"
    REFUNDED = "REFUNDED"
    PARTIALLY_REFUNDED = "PARTIALLY_REFUNDED"
    REFUND_FAILED = "REFUND_FAILED"
    IN_REVIEW = "IN_REVIEW"


_R = RefundState

REFUND_DONE = frozenset({_R.REFUNDED, _R.PARTIALLY_REFUNDED})
REFUND_TERMINAL = REFUND_DONE | {_R.REFUND_FAILED}

REFUND_TRANSITIONS: dict[RefundState, frozenset[RefundState]] = {
    _R.PROPOSED: frozenset({_R.REFUNDING, _R.REFUND_FAILED}),
    _R.REFUNDING: REFUND_TERMINAL | {_R.IN_REVIEW},
    _R.IN_REVIEW: REFUND_TERMINAL,
    _R.REFUNDED: frozenset(),
    _R.PARTIALLY_REFUNDED: frozenset(),
    _R.REFUND_FAILED: frozenset(),
}
