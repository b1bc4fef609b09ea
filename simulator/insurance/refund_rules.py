"""What may go back (protocol 3.2, 6203), and the order's status after it. Pure; amounts in fen."""

from collections.abc import Sequence

from domain.fen import yuan
from domain.insurance import RefundType, Split
from simulator.insurance.orders import CentreRefund
from simulator.insurance.refusal import CentreRefusal
from simulator.insurance.wire import RefundAsked

REFUNDED, INSURANCE_REFUNDED, CASH_REFUNDED, CASH_PARTLY, INSURANCE_AND_CASH_PARTLY = 7, 8, 9, 10, 11


def check_amounts(wanted: CentreRefund, split: Split, before: Sequence[CentreRefund], *, cash_refunded_by: str) -> None:
    """Raises `CentreRefusal` for amounts that its type can't have, or above what is left of a part."""
    if wanted.psn_acct_fen + wanted.fund_fen + wanted.cash_fen != wanted.total_fen:
        raise CentreRefusal("退款总额与各部分合计不一致: totlRefdAmt")
    if wanted.cash_fen and cash_refunded_by == "channel":
        raise CentreRefusal("现金部分由支付渠道退款: cashRefdAmt")
    _check_type(wanted, split)
    for name, part, back, paid in (
        ("psnAcctRefdAmt", wanted.psn_acct_fen, [refund.psn_acct_fen for refund in before], split.psn_acct_fen),
        ("fundRefdAmt", wanted.fund_fen, [refund.fund_fen for refund in before], split.fund_fen),
        ("cashRefdAmt", wanted.cash_fen, [refund.cash_fen for refund in before], split.own_pay_fen),
    ):
        left = paid - sum(back)
        if part > left:
            raise CentreRefusal(f"退款金额超过可退金额{yuan(left)}元: {name}")


def check_reversal(request: RefundAsked, split: Split) -> None:
    """A reversal takes all of the insurance's money back."""
    if (request.psn_acct_refd_amt, request.fund_refd_amt) != (split.psn_acct_fen, split.fund_fen):
        raise CentreRefusal("冲正须退回全部医保金额: psnAcctRefdAmt, fundRefdAmt")


def status_after(refunds: Sequence[CentreRefund], split: Split) -> int:
    """ALL 7, HI 8, CASH 9 or 10; 11 and 7 where insurance and cash went back one after the other."""
    cash = sum(refund.cash_fen for refund in refunds)
    insurance = sum(refund.psn_acct_fen + refund.fund_fen for refund in refunds)
    if refunds[-1].refd_type is RefundType.ALL:
        return REFUNDED
    if not insurance:
        return CASH_REFUNDED if cash == split.own_pay_fen else CASH_PARTLY
    if not cash:
        return INSURANCE_REFUNDED
    return REFUNDED if cash == split.own_pay_fen else INSURANCE_AND_CASH_PARTLY


def _check_type(wanted: CentreRefund, split: Split) -> None:
    parts = (wanted.cash_fen, wanted.psn_acct_fen, wanted.fund_fen)
    if wanted.refd_type is RefundType.ALL and parts != (split.own_pay_fen, split.psn_acct_fen, split.fund_fen):
        raise CentreRefusal("全部退款时各部分须与原支付金额一致: refdType=ALL")
    if wanted.refd_type is RefundType.CASH and (wanted.psn_acct_fen or wanted.fund_fen):
        raise CentreRefusal("仅退现金时不能退医保部分: refdType=CASH")
    if wanted.refd_type is RefundType.HI and wanted.cash_fen:
        raise CentreRefusal("仅退医保时不能退现金部分: refdType=HI")
