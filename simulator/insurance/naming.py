"""6301 医保订单结算结果查询 and 6401 费用明细上传撤销, which both name an order by its token and patient."""

from collections.abc import Mapping
from typing import Any

from domain.ord_stas import REVOCABLE
from domain.values.china_time import from_china, to_china_compact
from domain.values.fen import yuan
from simulator.insurance.centre import Centre, Outcome
from simulator.insurance.orders import CentreOrder
from simulator.insurance.wire import CentreRefusal, OrderAsked, asked

REVOKED = 12
_HOSPITAL_NAME = "模拟医院"


def query_order(centre: Centre, data: Mapping[str, Any]) -> Outcome:
    return Outcome(order_status(_named_order(centre, data)))


def revoke_order(centre: Centre, data: Mapping[str, Any]) -> Outcome:
    """Only before payment: ordStas 0 or 1."""
    order = _named_order(centre, data)
    if order.ord_stas not in REVOCABLE:
        raise CentreRefusal(f"订单当前状态不能撤销: ordStas={order.ord_stas}")
    centre.orders.set_status(order.pay_ord_id, REVOKED)
    return Outcome({"payOrdId": order.pay_ord_id, "ordStas": str(REVOKED)})


def order_status(order: CentreOrder) -> dict[str, Any]:
    """6301's answer and 6302's content, with amounts once pre-settled and the rest once settled."""
    status = {"payOrdId": order.pay_ord_id, "medOrgOrd": order.med_org_ord, "ordStas": str(order.ord_stas)}
    return status | _amounts(order) | _settlement(order)


def _named_order(centre: Centre, data: Mapping[str, Any]) -> CentreOrder:
    request = asked(OrderAsked, data)
    centre.check_hospital(request.org_codg)
    order = centre.order(request.pay_ord_id)
    centre.check_token(order, request.pay_token)
    centre.check_document(request.id_no, request.id_type)
    if request.id_no != order.id_no:
        raise CentreRefusal("身份证号与订单不一致: idNo")
    if request.user_name != order.user_name:
        raise CentreRefusal("姓名与订单不一致: userName")
    return order


def _amounts(order: CentreOrder) -> dict[str, Any]:
    if order.split is None:
        return {}
    return {
        "feeSumamt": yuan(order.split.fee_sum_fen),
        "ownPayAmt": yuan(order.split.own_pay_fen),
        "psnAcctPay": yuan(order.split.psn_acct_fen),
        "fundPay": yuan(order.split.fund_fen),
    }


def _settlement(order: CentreOrder) -> dict[str, Any]:
    if order.split is None or not order.trace_time:
        return {}
    return {
        "callType": "02",
        "traceTime": order.trace_time,
        "hiChrgTime": to_china_compact(from_china(order.trace_time)),
        "hiDocSn": f"HD{order.pay_ord_id}",
        "hiRgstSn": f"HR{order.pay_ord_id}",
        "orgName": _HOSPITAL_NAME,
        "setlType": order.split.settlement_type().value,
        "revsToken": order.revs_token,
        "extData": {
            "setlinfo": {
                "mdtrt_id": order.mdtrt_id,
                "setl_time": order.trace_time,
                "medfee_sumamt": yuan(order.split.fee_sum_fen),
                "fund_pay_sumamt": yuan(order.split.fund_fen),
                "acct_pay": yuan(order.split.psn_acct_fen),
                "psn_cash_pay": yuan(order.split.own_pay_fen),
            }
        },
    }
