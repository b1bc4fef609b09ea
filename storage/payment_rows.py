"""Between a payment's row and the values that the rest of the product knows."""

from collections.abc import Mapping
from typing import Any

from domain.insurance import Settlement, Split
from domain.orders import Order
from storage.records import PaymentFacts, PaymentRecord
from storage.sealing import ERASED, RowSeal
from storage.tables import MESSAGE_CHARS_MAX

_ORDER_IDS_SEPARATOR = "|"
_CUT = frozenset({"error_message", "note"})
_OWN_COLUMNS = frozenset({"order", "split", "settlement"})


def order_columns(seal: RowSeal, order: Order) -> dict[str, Any]:
    """An order's columns. The visit that it names is the one in HIS, until we hear otherwise."""
    values = order.model_dump(mode="json")
    values["order_ids"] = _ORDER_IDS_SEPARATOR.join(order.order_ids)
    values["ordered_visit_id"] = order.visit_id
    columns = seal.columns(values)
    # The order of a payment that is looked at once more is our own row's: its payAuthNo is deleted.
    return columns | {"pay_auth_no_sealed": columns["pay_auth_no_sealed"] or ERASED}


def fact_columns(seal: RowSeal, facts: PaymentFacts) -> dict[str, Any]:
    """The columns of the facts that are set. The settlement has a table of its own."""
    values = facts.model_dump(exclude_unset=True, exclude={"split", "settlement"})
    if "split" in facts.model_fields_set:
        values |= {name: getattr(facts.split, name, None) for name in Split.model_fields}
    for name in _CUT & values.keys():
        values[name] = values[name][:MESSAGE_CHARS_MAX]
    return seal.columns(values)


def payment_record(values: Mapping[str, Any], settlement: Settlement | None) -> PaymentRecord:
    """The record behind a row whose seals are opened."""
    facts = {
        name: values[name]
        for name in PaymentRecord.model_fields.keys() - _OWN_COLUMNS
        # An absent text is the model's own default.
        if values[name] is not None
    }
    return PaymentRecord(order=_order(values), split=_split(values), settlement=settlement, **facts)


def _order(values: Mapping[str, Any]) -> Order:
    columns = {name: values[name] for name in Order.model_fields}
    order_ids = values["order_ids"]
    columns["order_ids"] = tuple(order_ids.split(_ORDER_IDS_SEPARATOR)) if order_ids else ()
    columns["visit_id"] = values["ordered_visit_id"]
    return Order(**columns)


def _split(values: Mapping[str, Any]) -> Split | None:
    if values["fee_sum_fen"] is None:
        return None
    return Split(**{name: values[name] for name in Split.model_fields})
