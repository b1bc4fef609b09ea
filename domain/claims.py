"""One live payment per bill (product rule 3): what a payment claims."""

from datetime import datetime

from domain.china_time import to_china
from domain.orders import Category, Order

REGISTRATION = "registration:"
"""How a registration's bill starts: its claim ends when the registration is settled, another one may follow."""


def bills_of(order: Order, accepted_at: datetime) -> tuple[str, ...]:
    """The bills that an order would pay, in the order in which they are claimed: two who meet can't lock each other.

    A registration is the patient's at a clinic on the (Chinese) day on which it was ordered.
    """
    if order.category is Category.REGISTRATION:
        day = to_china(accepted_at)[:10]
        return (f"{REGISTRATION}{day}:{order.patient_id}:{order.clinic_id}",)
    return tuple(sorted(f"prescription:{order_id}" for order_id in order.order_ids))
