"""What the patient does in the channel (contract: `POST /_sim/orders/{payOrdId}/pay`)."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from simulator.insurance.centre import Centre
from simulator.insurance.orders import CentreOrder
from simulator.insurance.refund import new_revs_token

SETTLED = 6
PAYABLE = frozenset({1, 3, 12, 14, 15})
"""A revoked or failed order can be paid too: that is how late money is rehearsed."""


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


class NotPayable(Exception):
    """The order's status has no way to the outcome."""


def pay(centre: Centre, order: CentreOrder, outcome: PayOutcome) -> CentreOrder:
    """The order afterwards. The same outcome again changes nothing. Raises `NotPayable`."""
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
