"""6203 医保退费: refunds, and reversals (冲正) by revsToken. appRefdSn is the idempotency key.

What may be refunded and the resulting ordStas are pure functions (protocol 3.2), with amounts in fen.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from domain.insurance import RefundStatus, RefundType, Split
from domain.ord_stas import OrdStas
from domain.values.china_time import from_china, to_china_compact
from domain.values.fen import Fen, yuan
from simulator.core.store import Verdict
from simulator.insurance.centre import Centre, Outcome
from simulator.insurance.orders import CentreOrder, CentreRefund
from simulator.insurance.wire import CentreRefusal, RefundAsked, asked

REVERSAL_PREFIX = "REVS"
REVS_TOKEN_LIFE = timedelta(hours=1)


def refund(centre: Centre, data: Mapping[str, Any]) -> Outcome:
    request = asked(RefundAsked, data)
    order = centre.order(request.pay_ord_id)
    wanted = _wanted(centre, request)
    known = centre.orders.find_refund(request.app_refd_sn)
    if known is not None:
        return _repeated(wanted, known)
    before = centre.orders.refunds(order.pay_ord_id)
    split = _settled(order)
    _check_token(centre, order, split, request)
    _make(centre, order, wanted, split, before)
    return Outcome(_answer(wanted))


def refund_at_counter(centre: Centre, order: CentreOrder, refd_type: RefundType, cash_fen: Fen | None) -> None:
    """Give money back past the hospital's own calls. `cash_fen`: None for all that was paid. Raises `CentreRefusal`."""
    split, before = _settled(order), centre.orders.refunds(order.pay_ord_id)
    cash_fen = split.own_pay_fen if cash_fen is None else cash_fen
    cash_fen = Fen(0) if refd_type is RefundType.HI else cash_fen
    by_cash_alone = refd_type is RefundType.CASH
    psn_acct_fen, fund_fen = (Fen(0), Fen(0)) if by_cash_alone else (split.psn_acct_fen, split.fund_fen)
    made = CentreRefund(
        app_refd_sn=f"COUNTER-{secrets.token_hex(8)}",
        pay_ord_id=order.pay_ord_id,
        refd_sn=_new_refd_sn(),
        refd_type=refd_type,
        total_fen=Fen(cash_fen + psn_acct_fen + fund_fen),
        psn_acct_fen=psn_acct_fen,
        fund_fen=fund_fen,
        cash_fen=cash_fen,
        at=centre.now(),
    )
    _make(centre, order, made, split, before)


def new_revs_token() -> str:
    return REVERSAL_PREFIX + secrets.token_hex(16)


def _make(centre: Centre, order: CentreOrder, made: CentreRefund, split: Split, before: list[CentreRefund]) -> None:
    check_amounts(made, split, before, cash_refunded_by=centre.config.cash_refunded_by)
    centre.orders.add_refund(made)
    by_kind = centre.config.full_refund == "by_kind"
    centre.orders.set_status(order.pay_ord_id, status_after([*before, made], split, by_kind=by_kind))
    centre.people.move(order.id_no, made.psn_acct_fen)


def _new_refd_sn() -> str:
    return f"RF{secrets.token_hex(10).upper()}"


def _wanted(centre: Centre, request: RefundAsked) -> CentreRefund:
    return CentreRefund(
        app_refd_sn=request.app_refd_sn,
        pay_ord_id=request.pay_ord_id,
        refd_sn=_new_refd_sn(),
        refd_type=RefundType(request.refd_type),
        total_fen=request.totl_refd_amt,
        psn_acct_fen=request.psn_acct_refd_amt,
        fund_fen=request.fund_refd_amt,
        cash_fen=request.cash_refd_amt,
        at=centre.now(),
    )


def _repeated(wanted: CentreRefund, known: CentreRefund) -> Outcome:
    """The first answer again, even after revsToken has expired."""
    if wanted.model_dump(exclude={"refd_sn", "at"}) != known.model_dump(exclude={"refd_sn", "at"}):
        raise CentreRefusal("退款单号已用于另一笔退款: appRefdSn")
    return Outcome(_answer(known), Verdict.REPLAYED)


def _settled(order: CentreOrder) -> Split:
    if order.split is None or order.ord_stas not in {6, 8, 9, 10, 11}:
        raise CentreRefusal(f"订单当前状态不能退费: ordStas={order.ord_stas}")
    return order.split


def _check_token(centre: Centre, order: CentreOrder, split: Split, request: RefundAsked) -> None:
    """Exactly one of ecToken, payAuthNo and the profile's field for revsToken must be given, and be valid."""
    slot = centre.config.reversal_token_field
    tokens = {"ecToken": request.ec_token, "payAuthNo": request.pay_auth_no, "revsToken": request.revs_token}
    usable = {"ecToken", "payAuthNo", slot}
    given = {name: token for name, token in tokens.items() if token is not None}
    if len(given) != 1 or not given.keys() <= usable:
        raise CentreRefusal(f"须有且仅有一个: {', '.join(sorted(usable))}")
    name, token = given.popitem()
    if name == slot and (slot != "payAuthNo" or token.startswith(REVERSAL_PREFIX)):
        _check_revs_token(centre, order, token)
        check_reversal(request, split)
    elif name == "payAuthNo":
        centre.take_authorisation(token, order.med_org_ord)


def _check_revs_token(centre: Centre, order: CentreOrder, token: str) -> None:
    if not secrets.compare_digest(order.revs_token.encode(), token.encode()):
        raise CentreRefusal(f"冲正令牌不正确: {centre.config.reversal_token_field}(revsToken)")
    if centre.clock() > from_china(order.trace_time) + REVS_TOKEN_LIFE:
        raise CentreRefusal(f"冲正令牌已过期(1小时): {centre.config.reversal_token_field}(revsToken)")


def _answer(refund: CentreRefund) -> dict[str, Any]:
    made = to_china_compact(from_china(refund.at))
    return {
        "payOrdId": refund.pay_ord_id,
        "appRefdSn": refund.app_refd_sn,
        "refdSn": refund.refd_sn,
        "hiFefdSn": f"HI{refund.refd_sn}",
        "hiTrnsDate": made[:8],
        "hiTrnsTime": made[8:],
        "refStatus": RefundStatus.SUCC.value,
    }


def check_amounts(wanted: CentreRefund, split: Split, before: Sequence[CentreRefund], *, cash_refunded_by: str) -> None:
    """Raises `CentreRefusal` for amounts that do not fit the type, or exceed what is left of a part."""
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
    """Raises `CentreRefusal` unless all of the insurance's money goes back."""
    if (request.psn_acct_refd_amt, request.fund_refd_amt) != (split.psn_acct_fen, split.fund_fen):
        raise CentreRefusal("冲正须退回全部医保金额: psnAcctRefdAmt, fundRefdAmt")


def status_after(refunds: Sequence[CentreRefund], split: Split, *, by_kind: bool = False) -> OrdStas:
    """The ordStas after `refunds`. `by_kind`: a full refund of cash or insurance alone is 9 or 8 instead of 7."""
    cash = sum(refund.cash_fen for refund in refunds)
    insurance = sum(refund.psn_acct_fen + refund.fund_fen for refund in refunds)
    mixed = split.own_pay_fen and split.psn_acct_fen + split.fund_fen
    if refunds[-1].refd_type is RefundType.ALL and (mixed or not by_kind):
        return OrdStas.REFUNDED
    if not insurance:
        return OrdStas.CASH_REFUNDED if cash == split.own_pay_fen else OrdStas.CASH_PARTLY_REFUNDED
    if not cash:
        return OrdStas.INSURANCE_REFUNDED
    return OrdStas.REFUNDED if cash == split.own_pay_fen else OrdStas.INSURANCE_REFUNDED_CASH_PARTLY


def _check_type(wanted: CentreRefund, split: Split) -> None:
    parts = (wanted.cash_fen, wanted.psn_acct_fen, wanted.fund_fen)
    if wanted.refd_type is RefundType.ALL and parts != (split.own_pay_fen, split.psn_acct_fen, split.fund_fen):
        raise CentreRefusal("全部退款时各部分须与原支付金额一致: refdType=ALL")
    if wanted.refd_type is RefundType.CASH and (wanted.psn_acct_fen or wanted.fund_fen):
        raise CentreRefusal("仅退现金时不能退医保部分: refdType=CASH")
    if wanted.refd_type is RefundType.HI and wanted.cash_fen:
        raise CentreRefusal("仅退医保时不能退现金部分: refdType=HI")
