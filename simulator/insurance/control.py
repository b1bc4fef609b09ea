"""The centre's control calls: its view of orders, the patient's acts in the channel, refunds at a counter."""

from enum import StrEnum
from http import HTTPStatus
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from domain.insurance import RefundType
from domain.values.fen import parse_yuan, yuan
from simulator.core.server import ControlError, answered, asked
from simulator.insurance.centre import Centre
from simulator.insurance.naming import order_status
from simulator.insurance.notice import Notices
from simulator.insurance.orders import CentreOrder, CentreRefund
from simulator.insurance.refund import new_revs_token, refund_at_counter
from simulator.insurance.wire import CentreRefusal

SETTLED = 6

PAYABLE = frozenset({1, 3, 12, 14, 15})
"""A revoked or failed order can be paid as well, to rehearse late money."""


class PayOutcome(StrEnum):
    PAID = "paid"
    DECLINED = "declined"
    CASH_ONLY = "cash_only"
    ABNORMAL = "abnormal"


STATUS_AFTER = {
    PayOutcome.PAID: SETTLED,
    PayOutcome.DECLINED: 15,
    PayOutcome.CASH_ONLY: 3,
    PayOutcome.ABNORMAL: 14,
}


class PayAsked(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    outcome: Annotated[PayOutcome, Field(strict=False)]
    notify: bool = False


class RefundAtCounter(BaseModel):
    """`amount`: part of the cash, in yuan. None for all of it."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    type: Annotated[RefundType, Field(strict=False)] = RefundType.ALL
    amount: str | None = None
    notify: bool = False


class NotPayable(Exception):
    """The order's status does not allow the outcome."""


def pay(centre: Centre, order: CentreOrder, outcome: PayOutcome) -> CentreOrder:
    """Let the patient act; the order afterwards. A repeated outcome changes nothing. Raises `NotPayable`."""
    status = STATUS_AFTER[outcome]
    if order.ord_stas == status:
        return order
    if order.ord_stas not in PAYABLE or order.split is None:
        raise NotPayable(f"an order with ordStas {order.ord_stas} can't become {status}")
    with centre.one_step():
        if status == SETTLED:
            centre.orders.settle(order.pay_ord_id, centre.now(), new_revs_token())
            centre.people.move(order.id_no, -order.split.psn_acct_fen)
        else:
            centre.orders.set_status(order.pay_ord_id, status)
    return centre.order(order.pay_ord_id)


def add_order_routes(app: web.Application, centre: Centre, notices: Notices) -> None:
    """`/_sim/orders` and the routes below it."""

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

    async def refunded_at_counter(request: web.Request) -> web.Response:
        order = _named(centre, request)
        wish = await asked(request, RefundAtCounter)
        try:
            cash_fen = None if wish.amount is None else parse_yuan(wish.amount)
            with centre.one_step():
                refund_at_counter(centre, order, wish.type, cash_fen)
        except (CentreRefusal, ValueError) as error:
            raise ControlError(HTTPStatus.CONFLICT, str(error)) from error
        order = centre.order(order.pay_ord_id)
        notified = wish.notify and await notices.send(order_status(order))
        return answered(_shown(centre, order) | {"notified": notified})

    app.router.add_get("/_sim/orders", orders)
    app.router.add_get("/_sim/orders/{payOrdId}", one_order)
    app.router.add_post("/_sim/orders/{payOrdId}/pay", patient_pays)
    app.router.add_post("/_sim/orders/{payOrdId}/refund", refunded_at_counter)


def _named(centre: Centre, request: web.Request) -> CentreOrder:
    order = centre.orders.find(request.match_info["payOrdId"])
    if order is None:
        raise ControlError(HTTPStatus.NOT_FOUND, "there is no such order: payOrdId")
    return order


def _shown(centre: Centre, order: CentreOrder) -> dict[str, object]:
    """Amounts not yet known are null. `balance`: of the patient's account now."""
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
