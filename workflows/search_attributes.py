"""All search attributes, typed. Temporal keeps them in clear text: no personal data, no amount, no token."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributePair, SearchAttributeUpdate, TypedSearchAttributes

from domain.attention import AttentionReason
from domain.base import PaymentKey, for_operators
from domain.orders import KnownPayment, Order
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
"""Type by name, as the `temporal` command spells it: Keyword, Bool, Datetime."""


def of_payment(order: Order, since: datetime) -> TypedSearchAttributes:
    """Of a new payment."""
    return TypedSearchAttributes([*_of(order, PaymentState.RECEIVED, since), *_of_order(order)])


def of_reopened(order: Order, known: KnownPayment) -> TypedSearchAttributes:
    """Of a payment that is started again: it shows the same as when its last run closed."""
    shown = [*_of(order, known.state, known.state_since), *_of_order(order)]
    if known.state is PaymentState.IN_REVIEW:
        shown = _wanting(shown, known.end.note)
    if known.uploaded is not None:
        shown.append(SearchAttributePair(PAY_ORD_ID, known.uploaded.pay_ord_id))
    return TypedSearchAttributes(shown)


def of_refund(payment: PaymentKey, since: datetime, *, proposed: bool) -> TypedSearchAttributes:
    """Of a new refund: its payment's medOrgOrd, and the refund's own state. `proposed`: a person must approve it."""
    if not proposed:
        return TypedSearchAttributes(_of(payment, RefundState.REFUNDING, since))
    shown = _of(payment, RefundState.PROPOSED, since)
    return TypedSearchAttributes(_wanting(shown, AttentionReason.REFUND_PROPOSED.value))


def of_notification(payment: PaymentKey) -> TypedSearchAttributes:
    """Of a notification: its payment's medOrgOrd."""
    return TypedSearchAttributes(_of_key(payment))


def _of(payment: PaymentKey, state: PaymentState | RefundState, since: datetime) -> list[SearchAttributePair[Any]]:
    shown = (SearchAttributePair(PAYMENT_STATE, state.value), SearchAttributePair(PAYMENT_STATE_SINCE, since))
    return [*_of_key(payment), *shown]


def _wanting(shown: list[SearchAttributePair[Any]], reason: str) -> list[SearchAttributePair[Any]]:
    """The same, where a person must look."""
    others = [pair for pair in shown if pair.key is not NEEDS_ATTENTION]
    wanted = (SearchAttributePair(NEEDS_ATTENTION, value=True), SearchAttributePair(ATTENTION_REASON, reason))
    return [*others, *wanted]


def _of_key(payment: PaymentKey) -> list[SearchAttributePair[Any]]:
    return [
        SearchAttributePair(HOSPITAL, payment.hospital),
        SearchAttributePair(MED_ORG_ORD, payment.med_org_ord),
        SearchAttributePair(NEEDS_ATTENTION, value=False),
    ]


def _of_order(order: Order) -> list[SearchAttributePair[Any]]:
    return [
        SearchAttributePair(PAYMENT_CHANNEL, order.channel.value),
        SearchAttributePair(PAYMENT_CATEGORY, order.category.value),
    ]


def state_updates(state: PaymentState | RefundState, since: datetime) -> list[SearchAttributeUpdate[Any]]:
    return [PAYMENT_STATE.value_set(state.value), PAYMENT_STATE_SINCE.value_set(since)]


def attention_updates(reason: str) -> list[SearchAttributeUpdate[Any]]:
    """A person must look. `reason`: an `AttentionReason`."""
    return [NEEDS_ATTENTION.value_set(value=True), ATTENTION_REASON.value_set(reason)]


NO_ATTENTION: tuple[SearchAttributeUpdate[Any], ...] = (
    NEEDS_ATTENTION.value_set(value=False),
    ATTENTION_REASON.value_unset(),
)
"""Nobody needs to look any more."""


class Shown:
    """Writes one payment's search attributes, a short-lived state only if it lasts: each write costs an event."""

    def __init__(self) -> None:
        self._waiting: Sequence[SearchAttributeUpdate[Any]] = ()
        self._timer: asyncio.Task[None] | None = None

    def write(self, updates: Sequence[SearchAttributeUpdate[Any]]) -> None:
        """Write `updates`, merged over those that are still waiting."""
        if self._timer is not None:
            self._timer.cancel()
        self._upsert(updates)

    def write_if_it_lasts(self, updates: Sequence[SearchAttributeUpdate[Any]], at_least: timedelta) -> None:
        """Write `updates` after `at_least`, or together with the next ones if these come first."""
        self._waiting = updates
        self._timer = asyncio.create_task(self._after(at_least))

    async def _after(self, at_least: timedelta) -> None:
        await workflow.sleep(at_least, summary=for_operators("状态持续则显示 (shown if it lasts)"))
        self._upsert(())

    def _upsert(self, updates: Sequence[SearchAttributeUpdate[Any]]) -> None:
        latest = {update.key.name: update for update in (*self._waiting, *updates)}
        self._waiting, self._timer = (), None
        workflow.upsert_search_attributes(list(latest.values()))
