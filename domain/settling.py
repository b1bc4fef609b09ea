"""From the centre's word to a settlement: rule 11's comparison, and until when revsToken serves (rule 10)."""

from datetime import datetime, timedelta

from domain.insurance import OrderStatus, Split
from domain.steps import Settlement

CLOCK_SKEW = timedelta(minutes=5)
"""How far the centre's clock may be from ours before its traceTime is not believed."""


def settlement_of(
    status: OrderStatus, split: Split, accepted_at: datetime, seen_at: datetime, window_s: int
) -> Settlement:
    """The settlement behind an ordStas of 6, seen for the first time at `seen_at`.

    A traceTime before the order or after now is not believed: the hour then runs from `seen_at`. `split` is 6202's;
    it stands where 6301 names no amounts, and setlType follows from it where 6301 names none.
    """
    traced = status.trace_time
    plausible = traced is not None and accepted_at - CLOCK_SKEW <= traced <= seen_at + CLOCK_SKEW
    trace_time = traced if traced is not None and plausible else seen_at
    settled = status.split or split
    return Settlement(
        trace_time=trace_time,
        setl_type=status.setl_type or settled.settlement_type(),
        split=settled,
        revs_token=status.revs_token,
        reversal_deadline=trace_time + timedelta(seconds=window_s),
    )


def same_amounts(status: OrderStatus, split: Split) -> bool:
    """Rule 11: what the centre settled is what it pre-settled. A centre that names no amounts confirms nothing.

    The parts that only some centres name, and not in every answer, follow from the whole.
    """
    return status.split is not None and _parts(status.split) == _parts(split)


def _parts(split: Split) -> tuple[int, ...]:
    return (split.fee_sum_fen, split.own_pay_fen, split.psn_acct_fen, split.fund_fen)
