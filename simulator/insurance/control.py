"""The centre's own control calls: its view of the orders, and the patient who pays."""

from http import HTTPStatus

from aiohttp import web

from domain.fen import yuan
from simulator.core.server import ControlError, answered, asked
from simulator.insurance.centre import Centre
from simulator.insurance.naming import order_status
from simulator.insurance.notice import Notices
from simulator.insurance.orders import CentreOrder, CentreRefund
from simulator.insurance.paying import NotPayable, PayAsked, pay


def add_order_routes(app: web.Application, centre: Centre, notices: Notices) -> None:
    """`/_sim/orders` and what is under it."""

    async def orders(request: web.Request) -> web.Response:
        listed = centre.orders.listed(request.query.get("medOrgOrd"))
        return answered([_shown(centre, order) for order in listed])

    async def one_order(request: web.Request) -> web.Response:
        return answered(_shown(centre, _named(centre, request)))

    async def patient_pays(request: web.Request) -> web.Response:
        order = _named(centre, request)
        wish = await asked(request, PayAsked)
        try:
            order = pay(centre, order, wish.outcome)
        except NotPayable as error:
            raise ControlError(HTTPStatus.CONFLICT, str(error)) from error
        notified = wish.notify and await notices.send(order_status(order))
        return answered(_shown(centre, order) | {"notified": notified})

    app.router.add_get("/_sim/orders", orders)
    app.router.add_get("/_sim/orders/{payOrdId}", one_order)
    app.router.add_post("/_sim/orders/{payOrdId}/pay", patient_pays)


def _named(centre: Centre, request: web.Request) -> CentreOrder:
    order = centre.orders.find(request.match_info["payOrdId"])
    if order is None:
        raise ControlError(HTTPStatus.NOT_FOUND, "there is no such order: payOrdId")
    return order


def _shown(centre: Centre, order: CentreOrder) -> dict[str, object]:
    """Amounts that are not yet known are null. `balance`: what the patient's account holds now."""
    split = order.split
    return {
        "payOrdId": order.pay_ord_id,
        "medOrgOrd": order.med_org_ord,
        "ordStas": order.ord_stas,
        "feeSumamt": yuan(order.fee_sum_fen),
        "ownPayAmt": yuan(split.own_pay_fen) if split else None,
        "psnAcctPay": yuan(split.psn_acct_fen) if split else None,
        "fundPay": yuan(split.fund_fen) if split else None,
        "traceTime": order.trace_time,
        "balance": yuan(centre.people.balance(order.id_no)),
        "refunds": [_refund(refund) for refund in centre.orders.refunds(order.pay_ord_id)],
    }


def _refund(refund: CentreRefund) -> dict[str, object]:
    amounts = {
        "totlRefdAmt": yuan(refund.total_fen),
        "psnAcctRefdAmt": yuan(refund.psn_acct_fen),
        "fundRefdAmt": yuan(refund.fund_fen),
        "cashRefdAmt": yuan(refund.cash_fen),
    }
    known = {"appRefdSn": refund.app_refd_sn, "refdSn": refund.refd_sn, "refdType": refund.refd_type.value}
    return known | {"at": refund.at} | amounts | {"amounts": amounts}
