"""ordStas, the centre's word on an order (protocol 3.3), and everything that follows from it alone. Pure."""

from enum import IntEnum, StrEnum

from domain.insurance import RefundParts


class OrdStas(IntEnum):
    """What 6301 answers. Centres know more (18 to 25): those mean nothing to us, and are waited for."""

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
"""At which 6401 is still possible."""

PAYING = frozenset({OrdStas.SETTLING, OrdStas.CASH_DONE, OrdStas.INSURANCE_DONE, OrdStas.BOOKED, OrdStas.REFUNDING})
"""At which the patient is in the middle of paying, or the centre in the middle of a refund."""

PARTLY_BACK = frozenset(
    {
        OrdStas.INSURANCE_REFUNDED,
        OrdStas.CASH_REFUNDED,
        OrdStas.CASH_PARTLY_REFUNDED,
        OrdStas.INSURANCE_REFUNDED_CASH_PARTLY,
    }
)
"""Of money that was paid and of which, in general, a part went back; see `money_is_back`."""

NEEDS_REVIEW = PARTLY_BACK | {
    OrdStas.REFUNDED,
    OrdStas.INSURANCE_REVOKED,
    OrdStas.ABNORMAL,
    OrdStas.REVERSAL_FAILED,
}
"""That a payment which waits for its money can't have caused (product rule 6)."""


class OrderVerdict(StrEnum):
    """What an ordStas means for a payment that waits for its money (product rule 6)."""

    PAID = "paid"
    WAIT = "wait"
    FAILED = "failed"
    REVOKED = "revoked"
    REVIEW = "review"


def verdict(ord_stas: int) -> OrderVerdict:
    """6 alone books; 15 failed; 12 was revoked; 7 to 11, 13, 14 and 16 need a person; anything else waits."""
    match ord_stas:
        case OrdStas.SETTLED:
            return OrderVerdict.PAID
        case OrdStas.FAILED:
            return OrderVerdict.FAILED
        case OrdStas.REVOKED:
            return OrderVerdict.REVOKED
    return OrderVerdict.REVIEW if ord_stas in NEEDS_REVIEW else OrderVerdict.WAIT


def money_is_back(ord_stas: int, back: RefundParts) -> bool:
    """Whether the order's status shows that at least `back` went back.

    Where everything was of one kind, centres call the end of it 7 or by that kind: an order that the insurance alone
    paid may show 8, one that was paid in cash 9.
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
    """What 6301 says of one refund."""

    DONE = "done"
    NOT_DONE = "not_done"
    UNCLEAR = "unclear"
    """The status is the same with it and without it, or one that we can't have caused."""


def refund_verdict(ord_stas: int, paid: RefundParts, before: RefundParts, after: RefundParts) -> RefundVerdict:
    """Whether the refund that leads from `before` to `after` was made, by the order's status alone."""
    without, with_it = _may_show(paid, before), _may_show(paid, after)
    if ord_stas in with_it - without:
        return RefundVerdict.DONE
    return RefundVerdict.NOT_DONE if ord_stas in without - with_it else RefundVerdict.UNCLEAR


def _may_show(paid: RefundParts, back: RefundParts) -> frozenset[OrdStas]:
    """The statuses that a centre may show when exactly `back` of `paid` went back."""
    if back.total_fen == 0:
        return frozenset({OrdStas.SETTLED})
    if back.covers(paid):
        return frozenset(status for status in _WHOLE if money_is_back(status, paid))
    if back.insurance_fen == 0:
        all_cash = back.own_pay_fen == paid.own_pay_fen
        return frozenset({OrdStas.CASH_REFUNDED if all_cash else OrdStas.CASH_PARTLY_REFUNDED})
    no_cash = back.own_pay_fen == 0
    return frozenset({OrdStas.INSURANCE_REFUNDED if no_cash else OrdStas.INSURANCE_REFUNDED_CASH_PARTLY})


_WHOLE = (OrdStas.REFUNDED, OrdStas.INSURANCE_REFUNDED, OrdStas.CASH_REFUNDED)
"""How the end of a full refund may be called, by what it was of."""
