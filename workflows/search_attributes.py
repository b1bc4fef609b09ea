"""The one typed registry of search attributes: clear text in Temporal, so never a person, an amount or a token."""

from datetime import datetime
from typing import Any

from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from domain.base import PaymentKey
from domain.orders import Order, Reopened
from domain.states import PaymentState, RefundState

HOSPITAL = SearchAttributeKey.for_keyword("Hospital")
PAYMENT_STATE = SearchAttributeKey.for_keyword("PaymentState")
PAYMENT_STATE_SINCE = SearchAttributeKey.for_datetime("PaymentStateSince")
PAYMENT_CHANNEL = SearchAttributeKey.for_keyword("PaymentChannel")
PAYMENT_CATEGORY = SearchAttributeKey.for_keyword("PaymentCategory")
MED_ORG_ORD = SearchAttributeKey.for_keyword("MedOrgOrd")
PAY_ORD_ID = SearchAttributeKey.for_keyword("PayOrdId")
NEEDS_ATTENTION = SearchAttributeKey.for_bool("NeedsAttention")
ATTENTION_REASON = SearchAttributeKey.for_keyword("AttentionReason")
REVERSAL_DEADLINE = SearchAttributeKey.for_datetime("ReversalDeadline")

ALL = (
    HOSPITAL,
    PAYMENT_STATE,
    PAYMENT_STATE_SINCE,
    PAYMENT_CHANNEL,
    PAYMENT_CATEGORY,
    MED_ORG_ORD,
    PAY_ORD_ID,
    NEEDS_ATTENTION,
    ATTENTION_REASON,
    REVERSAL_DEADLINE,
)

TYPES = {key.name: key.indexed_value_type.name.title() for key in ALL}
"""Name to type as the `temporal` command spells it: Keyword, Bool, Datetime."""


def at_start(order: Order, now: datetime) -> TypedSearchAttributes:
    """What a payment is found by from its first second on."""
    return TypedSearchAttributes(_of(order, PaymentState.RECEIVED, now))


def at_reopening(order: Order, known: Reopened) -> TypedSearchAttributes:
    """A payment that is over shows its end, as its first run did, whatever is asked of it now."""
    shown = _of(order, known.state, known.state_since)
    if known.uploaded is not None:
        shown.append(SearchAttributePair(PAY_ORD_ID, known.uploaded.pay_ord_id))
    return TypedSearchAttributes(shown)


def _of(order: Order, state: PaymentState, since: datetime) -> list[SearchAttributePair[Any]]:
    return [
        SearchAttributePair(HOSPITAL, order.hospital),
        SearchAttributePair(PAYMENT_STATE, state.value),
        SearchAttributePair(PAYMENT_STATE_SINCE, since),
        SearchAttributePair(PAYMENT_CHANNEL, order.channel.value),
        SearchAttributePair(PAYMENT_CATEGORY, order.category.value),
        SearchAttributePair(MED_ORG_ORD, order.med_org_ord),
        SearchAttributePair(NEEDS_ATTENTION, value=False),
    ]


def at_refund_start(payment: PaymentKey, now: datetime) -> TypedSearchAttributes:
    """What a refund is found by: its payment's number, and a state of its own."""
    return TypedSearchAttributes(
        [
            SearchAttributePair(HOSPITAL, payment.hospital),
            SearchAttributePair(PAYMENT_STATE, RefundState.REFUNDING.value),
            SearchAttributePair(PAYMENT_STATE_SINCE, now),
            SearchAttributePair(MED_ORG_ORD, payment.med_org_ord),
            SearchAttributePair(NEEDS_ATTENTION, value=False),
        ]
    )
