"""6202 支付下单, the pre-settlement: splits the bill; no money moves. Repeatable while ordStas is 0 or 1."""

from collections.abc import Mapping
from typing import Any

from domain.insurance import Split
from domain.ord_stas import REVOCABLE
from domain.values.fen import Fen, yuan
from simulator.insurance.centre import Centre, Outcome
from simulator.insurance.orders import CentreOrder
from simulator.insurance.wire import CentreRefusal, PlacementAsked, asked

_FUND_PERCENT = 60


def place_order(centre: Centre, data: Mapping[str, Any]) -> Outcome:
    request = asked(PlacementAsked, data)
    centre.check_hospital(request.org_codg)
    order = centre.order(request.pay_ord_id)
    centre.check_token(order, request.pay_token)
    _check_upload(order, request)
    if order.ord_stas not in REVOCABLE:
        raise CentreRefusal(f"订单当前状态不能支付下单: ordStas={order.ord_stas}")
    centre.take_authorisation(request.pay_auth_no, order.med_org_ord)
    if not centre.orders.take_serial(request.org_biz_ser):
        raise CentreRefusal("机构业务流水号重复: orgBizSer")
    balance = centre.people.balance(order.id_no)
    split = split_of(order.fee_sum_fen, balance, use_account=request.acct_used_flag == "1")
    centre.orders.pre_settle(order.pay_ord_id, split)
    return Outcome(_answer(centre, order, split, balance))


def _check_upload(order: CentreOrder, request: PlacementAsked) -> None:
    """The fields repeated from 6201 must be the same."""
    if request.chrg_bchno != order.chrg_bchno:
        raise CentreRefusal("收费批次号与费用上传不一致: chrgBchno")
    if request.mdtrt_id != order.mdtrt_id:
        raise CentreRefusal("就诊ID与费用上传不一致: mdtrtId")
    if request.fee_type != order.fee_type:
        raise CentreRefusal("费用类型与费用上传不一致: feeType")


def _answer(centre: Centre, order: CentreOrder, split: Split, balance: Fen) -> dict[str, Any]:
    return {
        "payOrdId": order.pay_ord_id,
        "ordStas": "1",
        "feeSumamt": yuan(split.fee_sum_fen),
        "ownPayAmt": yuan(split.own_pay_fen),
        "psnAcctPay": yuan(split.psn_acct_fen),
        "fundPay": yuan(split.fund_fen),
        "deposit": "0.00",
        "extData": {
            "preSetl": {
                "setl_time": centre.now(),
                "medfee_sumamt": yuan(split.fee_sum_fen),
                "fund_pay_sumamt": yuan(split.fund_fen),
                "acct_pay": yuan(split.psn_acct_fen),
                "acct_mulaid_pay": "0.00",
                "psn_cash_pay": yuan(split.own_pay_fen),
                "balc": yuan(max(balance, 0)),
                "mdtrt_id": order.mdtrt_id,
                "medins_setl_id": order.pay_ord_id,
                "clr_type": "11",
            }
        },
    }


def split_of(total: Fen, balance: Fen, *, use_account: bool) -> Split:
    """60 % from the pooled fund, half of the rest from the personal account up to its balance, what remains in cash."""
    fund = total * _FUND_PERCENT // 100
    rest = total - fund
    account = min(rest // 2, max(balance, 0)) if use_account else 0
    return Split(fee_sum_fen=total, own_pay_fen=Fen(rest - account), psn_acct_fen=Fen(account), fund_fen=Fen(fund))
