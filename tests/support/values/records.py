"""Payments to write down: a moment, and a settlement of it."""

from datetime import UTC, datetime, timedelta

from domain.base import PaymentKey
from domain.insurance import SetlType, Settlement, Split
from domain.orders import Order
from domain.values.fen import Fen

AT = datetime(2026, 1, 5, 1, 0, 0, 123456, tzinfo=UTC)
"""A moment with microseconds: both databases must keep them."""

SPLIT = Split(fee_sum_fen=Fen(12850), own_pay_fen=Fen(2570), psn_acct_fen=Fen(2570), fund_fen=Fen(7710))

SETTLEMENT = Settlement(
    trace_time=AT,
    setl_type=SetlType.ALL,
    split=SPLIT,
    revs_token="REVS-MARKER-7",
    reversal_deadline=AT + timedelta(hours=1),
)


def key_of(order: Order) -> PaymentKey:
    return PaymentKey(hospital=order.hospital, med_org_ord=order.med_org_ord)


def later(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)
