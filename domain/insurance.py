"""The insurance centre's answers, parsed: amounts in fen, times in UTC (protocol 3.2)."""

from datetime import datetime, timedelta
from enum import StrEnum

from domain.base import Frozen
from domain.values.fen import Fen


class SetlType(StrEnum):
    ALL = "ALL"
    CASH = "CASH"
    HI = "HI"


class Split(Frozen):
    """How a bill is split: ownPayAmt, psnAcctPay, fundPay, and what some centres add (othFeeAmt, hospPartAmt)."""

    fee_sum_fen: Fen
    own_pay_fen: Fen
    psn_acct_fen: Fen
    fund_fen: Fen
    other_fen: Fen = Fen(0)
    hospital_part_fen: Fen = Fen(0)

    def adds_up_to(self, total_fen: Fen) -> bool:
        """Product rule 11: the parts add up to feeSumamt, feeSumamt is TOTAL, and no part is negative."""
        parts = (self.own_pay_fen, self.psn_acct_fen, self.fund_fen, self.other_fen, self.hospital_part_fen)
        return min(parts) >= 0 and sum(parts) == self.fee_sum_fen == total_fen

    def settlement_type(self) -> SetlType:
        """setlType where the centre names none (contract 2.3)."""
        if self.own_pay_fen == 0:
            return SetlType.HI
        if self.psn_acct_fen == 0 and self.fund_fen == 0:
            return SetlType.CASH
        return SetlType.ALL


class UploadedFees(Frozen):
    """6201's answer: the centre has the order, not split yet."""

    pay_ord_id: str
    pay_token: str
    mdtrt_id: str


class PlacedOrder(Frozen):
    """6202's answer. No money has moved. `balance_fen`: balc, the account's balance before this payment."""

    pay_ord_id: str
    ord_stas: int
    split: Split
    balance_fen: Fen | None


class OrderStatus(Frozen):
    """6301's answer. Until the order is settled it may hold only payOrdId and ordStas."""

    pay_ord_id: str
    ord_stas: int
    split: Split | None = None
    trace_time: datetime | None = None
    setl_type: SetlType | None = None
    revs_token: str = ""
    balance_fen: Fen | None = None


class OrderReference(Frozen):
    """What 6301 and 6401 name an order by."""

    pay_ord_id: str
    pay_token: str
    id_no: str
    user_name: str


class RefundType(StrEnum):
    ALL = "ALL"
    CASH = "CASH"
    HI = "HI"


class RefundStatus(StrEnum):
    """6203's refStatus. EXP means unknown: query 6301."""

    SUCC = "SUCC"
    FAIL = "FAIL"
    EXP = "EXP"


class RefundAnswer(Frozen):
    status: RefundStatus
    refd_sn: str = ""


class PreSettlement(Frozen):
    """6202's result as recorded. `window_ends_at`: when the payment window closes."""

    pay_ord_id: str
    split: Split
    balance_fen: Fen | None
    window_ends_at: datetime


class Settlement(Frozen):
    """The centre's settlement (6301 with ordStas 6). `reversal_deadline`: when revsToken expires."""

    trace_time: datetime
    setl_type: SetlType
    split: Split
    revs_token: str
    reversal_deadline: datetime


CLOCK_SKEW = timedelta(minutes=5)
"""Largest difference between the centre's clock and ours at which its traceTime is trusted."""


def settlement_of(
    status: OrderStatus, split: Split, accepted_at: datetime, seen_at: datetime, window_s: int
) -> Settlement:
    """The settlement behind an ordStas of 6, first seen at `seen_at`.

    An implausible traceTime, before the order or in the future, is replaced by `seen_at`; the reversal window of
    `window_s` seconds then starts there. `split` is 6202's: it fills in where 6301 omits the amounts or setlType.
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
    """Product rule 11: the centre settled what it pre-settled. An answer without amounts confirms nothing.

    othFeeAmt and hospPartAmt are not compared: some centres send them in one answer only, and the sum covers them.
    """
    return status.split is not None and _parts(status.split) == _parts(split)


def _parts(split: Split) -> tuple[int, ...]:
    return (split.fee_sum_fen, split.own_pay_fen, split.psn_acct_fen, split.fund_fen)


class RefundParts(Frozen):
    """How much of each part is refunded, in fen."""

    own_pay_fen: Fen = Fen(0)
    psn_acct_fen: Fen = Fen(0)
    fund_fen: Fen = Fen(0)

    @property
    def total_fen(self) -> Fen:
        return Fen(self.own_pay_fen + self.psn_acct_fen + self.fund_fen)

    @property
    def insurance_fen(self) -> Fen:
        return Fen(self.psn_acct_fen + self.fund_fen)

    def plus(self, other: "RefundParts") -> "RefundParts":
        return RefundParts(
            own_pay_fen=Fen(self.own_pay_fen + other.own_pay_fen),
            psn_acct_fen=Fen(self.psn_acct_fen + other.psn_acct_fen),
            fund_fen=Fen(self.fund_fen + other.fund_fen),
        )

    def minus(self, other: "RefundParts") -> "RefundParts":
        return RefundParts(
            own_pay_fen=Fen(self.own_pay_fen - other.own_pay_fen),
            psn_acct_fen=Fen(self.psn_acct_fen - other.psn_acct_fen),
            fund_fen=Fen(self.fund_fen - other.fund_fen),
        )

    def covers(self, paid: "RefundParts") -> bool:
        """Whether nothing is left of `paid`."""
        return self == paid


def paid_parts(split: Split) -> RefundParts:
    """The parts that 6203 can refund: not othFeeAmt and hospPartAmt, which nobody paid."""
    return RefundParts(own_pay_fen=split.own_pay_fen, psn_acct_fen=split.psn_acct_fen, fund_fen=split.fund_fen)
