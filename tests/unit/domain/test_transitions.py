"""What follows from each transition, as a table over all states."""

import pytest

from domain.notifications import NotificationEvent
from domain.states import PaymentState, RefundState
from domain.transitions import CaseChange, Effects, RefundEffects, Release, effects_of, effects_of_refund

S, R, E = PaymentState, RefundState, NotificationEvent
ALL, REGISTRATION = Release.EVERY_BILL, Release.REGISTRATION

ARRIVING: dict[PaymentState, tuple[Release | None, NotificationEvent | None]] = {
    S.RECEIVED: (None, None),
    S.PRICED: (None, None),
    S.FEE_UPLOADED: (None, None),
    S.PRE_SETTLED: (None, None),
    S.PAID: (None, None),
    S.REGISTERED: (None, None),
    S.SETTLED: (REGISTRATION, E.SETTLED),
    S.REJECTED: (ALL, None),
    S.EXPIRED: (ALL, E.EXPIRED),
    S.CANCELLED: (ALL, None),
    S.REVERSING: (None, None),
    S.REVERSED: (ALL, E.REVERSED),
    S.IN_REVIEW: (None, E.IN_REVIEW),
    S.PARTIALLY_REFUNDED: (None, None),
    S.REFUNDED: (ALL, None),
}
"""Which bill locks end, and what the caller is told, wherever the payment comes from."""

REFUND: dict[RefundState, RefundEffects] = {
    R.PROPOSED: RefundEffects(),
    R.REFUNDING: RefundEffects(),
    R.REFUNDED: RefundEffects(shows=S.REFUNDED, tells=E.REFUNDED, case=CaseChange.CLOSES),
    R.PARTIALLY_REFUNDED: RefundEffects(shows=S.PARTIALLY_REFUNDED, tells=E.PARTIALLY_REFUNDED, case=CaseChange.CLOSES),
    R.REFUND_FAILED: RefundEffects(gives_back=True, case=CaseChange.CLOSES),
    R.IN_REVIEW: RefundEffects(tells=E.IN_REVIEW, case=CaseChange.OPENS),
}


def case(old: PaymentState | None, new: PaymentState) -> CaseChange | None:
    if new is S.IN_REVIEW:
        return CaseChange.OPENS
    return CaseChange.CLOSES if old is S.IN_REVIEW else None


@pytest.mark.parametrize("new", PaymentState)
@pytest.mark.parametrize("old", [None, *PaymentState])
def test_a_payments(old: PaymentState | None, new: PaymentState) -> None:
    if old is not new:
        assert effects_of(old, new) == Effects(*ARRIVING[new], case(old, new))


@pytest.mark.parametrize("new", RefundState)
def test_a_refunds(new: RefundState) -> None:
    assert effects_of_refund(new) == REFUND[new]


def test_a_caller_is_told_of_every_event_by_a_payment_or_by_a_refund() -> None:
    told = {effects_of(S.PAID, new).tells for new in PaymentState}
    told |= {effects_of_refund(new).tells for new in RefundState}
    assert told == {None, *NotificationEvent}
