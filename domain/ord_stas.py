"""ordStas, the centre's order status (protocol 3.3), and what follows from it alone. Pure."""

from enum import IntEnum, StrEnum

from domain.base import Frozen
from domain.insurance import RefundParts


class OrdStas(IntEnum):
    """6301's ordStas. Centres also send 18 to 25; what these mean is not documented, so we keep asking."""

    SAVED = 0
    PRE_SETTLED = 1
    SETTLING = 2
    CASH_DONE = 3
    INSURANCE_DONE = 4
    BOOKED = 5
    SETTLED = 6
    REFUNDED = 7
    INSURANCE_REFUNDED = 8
    CASH_REFUNDED = 9
    CASH_PARTLY_REFUNDED = 10
    INSURANCE_REFUNDED_CASH_PARTLY = 11
    REVOKED = 12
    INSURANCE_REVOKED = 13
    ABNORMAL = 14
    FAILED = 15
    REVERSAL_FAILED = 16
    REFUNDING = 17


REVOCABLE = frozenset({OrdStas.SAVED, OrdStas.PRE_SETTLED})
"""6401 can still revoke the order."""

PAYING = frozenset({OrdStas.SETTLING, OrdStas.CASH_DONE, OrdStas.INSURANCE_DONE, OrdStas.BOOKED, OrdStas.REFUNDING})
"""The patient is paying, or the centre is refunding."""

PARTLY_BACK = frozenset(
    {
        OrdStas.INSURANCE_REFUNDED,
        OrdStas.CASH_REFUNDED,
        OrdStas.CASH_PARTLY_REFUNDED,
        OrdStas.INSURANCE_REFUNDED_CASH_PARTLY,
    }
)
"""Usually only part of the money went back; `money_is_back` tells the exceptions."""

NEEDS_REVIEW = PARTLY_BACK | {
    OrdStas.REFUNDED,
    OrdStas.INSURANCE_REVOKED,
    OrdStas.ABNORMAL,
    OrdStas.REVERSAL_FAILED,
}
"""Statuses that an unpaid order of ours cannot reach by our doing (product rule 6)."""


class OrderVerdict(StrEnum):
    """What an ordStas means for a payment that is waiting to be paid (product rule 6)."""

    PAID = "paid"
    WAIT = "wait"
    FAILED = "failed"
    REVOKED = "revoked"
    REVIEW = "review"


def verdict(ord_stas: int) -> OrderVerdict:
    """6 alone is paid; 15 failed; 12 revoked; 7 to 11, 13, 14 and 16 need a review; anything else is asked again."""
    match ord_stas:
        case OrdStas.SETTLED:
            return OrderVerdict.PAID
        case OrdStas.FAILED:
            return OrderVerdict.FAILED
        case OrdStas.REVOKED:
            return OrderVerdict.REVOKED
    return OrderVerdict.REVIEW if ord_stas in NEEDS_REVIEW else OrderVerdict.WAIT


def money_is_back(ord_stas: int, back: RefundParts) -> bool:
    """Whether the order's status proves that at least `back` went back.

    Where only one kind of money was paid, centres show a full refund as 7 or by that kind: 8 for an order paid by
    insurance alone, 9 for one paid in cash.
    """
    match ord_stas:
        case OrdStas.REFUNDED:
            return True
        case OrdStas.INSURANCE_REFUNDED | OrdStas.INSURANCE_REFUNDED_CASH_PARTLY:
            return back.own_pay_fen == 0
        case OrdStas.CASH_REFUNDED:
            return back.insurance_fen == 0
    return False


class RefundVerdict(StrEnum):
    """What 6301 says about one refund."""

    DONE = "done"
    NOT_DONE = "not_done"
    UNCLEAR = "unclear"
    """The status would be the same without the refund, or is one that our refunds cannot lead to."""


class RefundLook(Frozen):
    """What 6301 says about a refund."""

    ord_stas: int
    verdict: RefundVerdict


def refund_verdict(ord_stas: int, paid: RefundParts, before: RefundParts, after: RefundParts) -> RefundVerdict:
    """Whether a refund was made, judged by the order's status alone.

    `before` and `after`: what has gone back in all without the refund, and with it.
    """
    without, with_it = _possible_statuses(paid, before), _possible_statuses(paid, after)
    if ord_stas in with_it - without:
        return RefundVerdict.DONE
    return RefundVerdict.NOT_DONE if ord_stas in without - with_it else RefundVerdict.UNCLEAR


def is_back_past_us(ord_stas: int, paid: RefundParts, back: RefundParts) -> bool:
    """Whether the status shows money back that `back`, all that we sent back of `paid`, does not explain.

    It was returned at the hospital's counter, or by the centre.
    """
    return ord_stas in PARTLY_BACK | {OrdStas.REFUNDED} and ord_stas not in _possible_statuses(paid, back)


def _possible_statuses(paid: RefundParts, back: RefundParts) -> frozenset[OrdStas]:
    """What a centre may show when exactly `back` of `paid` went back."""
    if back.total_fen == 0:
        return frozenset({OrdStas.SETTLED})
    if back.covers(paid):
        return frozenset(status for status in _FULL_REFUND if money_is_back(status, paid))
    if back.insurance_fen == 0:
        all_cash = back.own_pay_fen == paid.own_pay_fen
        return frozenset({OrdStas.CASH_REFUNDED if all_cash else OrdStas.CASH_PARTLY_REFUNDED})
    no_cash = back.own_pay_fen == 0
    return frozenset({OrdStas.INSURANCE_REFUNDED if no_cash else OrdStas.INSURANCE_REFUNDED_CASH_PARTLY})


_FULL_REFUND = (OrdStas.REFUNDED, OrdStas.INSURANCE_REFUNDED, OrdStas.CASH_REFUNDED)
"""Statuses that a full refund may end with, depending on what was paid."""
