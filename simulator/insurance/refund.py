"""6203 医保退费, and the reversal (冲正) that goes the same way with revsToken. appRefdSn is the idempotency key."""

import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from domain.china_time import from_china, to_china_compact
from domain.insurance import RefundStatus, RefundType, Split
from simulator.core.calls import Verdict
from simulator.insurance.centre import Centre, Outcome
from simulator.insurance.orders import CentreOrder, CentreRefund
from simulator.insurance.refund_rules import check_amounts, check_reversal, status_after
from simulator.insurance.refusal import CentreRefusal
from simulator.insurance.wire import RefundAsked, asked

REVS_TOKEN_PREFIX = "REVS"  # noqa: S105 - how a token starts, not one
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
    check_amounts(wanted, split, before, cash_refunded_by=centre.config.cash_refunded_by)
    centre.orders.add_refund(wanted)
    centre.orders.set_status(order.pay_ord_id, status_after([*before, wanted], split))
    centre.people.move(order.id_no, wanted.psn_acct_fen)
    return Outcome(_answer(wanted))


def new_revs_token() -> str:
    return REVS_TOKEN_PREFIX + secrets.token_hex(16)


def _wanted(centre: Centre, request: RefundAsked) -> CentreRefund:
    return CentreRefund(
        app_refd_sn=request.app_refd_sn,
        pay_ord_id=request.pay_ord_id,
        refd_sn=f"RF{secrets.token_hex(10).upper()}",
        refd_type=RefundType(request.refd_type),
        total_fen=request.totl_refd_amt,
        psn_acct_fen=request.psn_acct_refd_amt,
        fund_fen=request.fund_refd_amt,
        cash_fen=request.cash_refd_amt,
        at=centre.now(),
    )


def _repeated(wanted: CentreRefund, known: CentreRefund) -> Outcome:
    """The first answer again, also when revsToken's hour is over."""
    if wanted.model_dump(exclude={"refd_sn", "at"}) != known.model_dump(exclude={"refd_sn", "at"}):
        raise CentreRefusal("退款单号已用于另一笔退款: appRefdSn")
    return Outcome(_answer(known), Verdict.REPLAYED)


def _settled(order: CentreOrder) -> Split:
    if order.split is None or order.ord_stas not in {6, 8, 9, 10, 11}:
        raise CentreRefusal(f"订单当前状态不能退费: ordStas={order.ord_stas}")
    return order.split


def _check_token(centre: Centre, order: CentreOrder, split: Split, request: RefundAsked) -> None:
    """Exactly one of ecToken, payAuthNo and the slot that the profile has for revsToken."""
    slot = centre.config.reversal_token_field
    tokens = {"ecToken": request.ec_token, "payAuthNo": request.pay_auth_no, "revsToken": request.revs_token}
    usable = {"ecToken", "payAuthNo", slot}
    given = {name: token for name, token in tokens.items() if token is not None}
    if len(given) != 1 or not given.keys() <= usable:
        raise CentreRefusal(f"须有且仅有一个: {', '.join(sorted(usable))}")
    name, token = given.popitem()
    if name == slot and (slot != "payAuthNo" or token.startswith(REVS_TOKEN_PREFIX)):
        _check_revs_token(centre, order, token)
        check_reversal(request, split)
    elif name == "payAuthNo":
        centre.claim_authorisation(token, order.med_org_ord)


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
