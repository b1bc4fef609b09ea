"""How this centre divides a bill (contract 2.6), in fen."""

from domain.fen import Fen
from domain.insurance import Split

_FUND_PERCENT = 60


def split_of(total: Fen, balance: Fen, *, use_account: bool) -> Split:
    """60 % from the pooled fund, half of the rest from the personal account while it lasts, the remainder in cash."""
    fund = total * _FUND_PERCENT // 100
    rest = total - fund
    account = min(rest // 2, max(balance, 0)) if use_account else 0
    return Split(fee_sum_fen=total, own_pay_fen=Fen(rest - account), psn_acct_fen=Fen(account), fund_fen=Fen(fund))
