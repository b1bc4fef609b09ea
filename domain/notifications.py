"""Notifications to callers by webhook (Standard Webhooks): after which states, and what the body says.

A body contains no personal data and no token: it crosses networks that we do not control.
"""

import json
from datetime import datetime
from enum import StrEnum

from domain.base import Frozen, PaymentKey
from domain.states import SETTLED_STATES, PaymentState
from domain.values.fen import Fen, yuan


class NotificationEvent(StrEnum):
    """A body's `type`. Member names are those of `PaymentState`."""

    SETTLED = "payment.settled"
    EXPIRED = "payment.expired"
    REVERSED = "payment.reversed"
    PARTIALLY_REFUNDED = "payment.partially_refunded"
    REFUNDED = "payment.refunded"
    IN_REVIEW = "payment.in_review"


EVENT_NAMES = frozenset(event.value for event in NotificationEvent)


def event_of(state: PaymentState) -> NotificationEvent | None:
    """The event of a payment that enters `state`. None: the caller is not notified."""
    return NotificationEvent.__members__.get(state.name)


class ToldFacts(Frozen):
    """A body's content besides the payment's key. Texts are empty where there is nothing to say."""

    state: PaymentState
    pay_ord_id: str
    total_fen: Fen
    fee_sum_fen: Fen | None
    own_pay_fen: Fen | None
    psn_acct_fen: Fen | None
    fund_fen: Fen | None
    refunded_own_fen: Fen
    refunded_acct_fen: Fen
    refunded_fund_fen: Fen
    error_code: str
    error_message: str
    refund_no: str


def body_of(event: NotificationEvent, at: datetime, key: PaymentKey, facts: ToldFacts) -> str:
    """The JSON text that is signed and sent, the same on each attempt. Interface names, amounts in yuan."""
    settled = facts.state in SETTLED_STATES
    data = {
        "hospital": key.hospital,
        "medOrgOrd": key.med_org_ord,
        "payOrdId": facts.pay_ord_id,
        "state": facts.state.value,
        "amounts": _amounts(facts),
        # An error of an earlier review no longer applies once the payment is settled.
        "errorCode": "" if settled else facts.error_code,
        "errorMessage": "" if settled else facts.error_message,
    }
    if facts.refund_no:
        data["refundNo"] = facts.refund_no
    whole = {"type": event.value, "timestamp": at.isoformat(timespec="milliseconds"), "data": data}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":"))


def _amounts(facts: ToldFacts) -> dict[str, str]:
    """`refunded…`: the sum of all refunds."""
    return {
        "TOTAL": yuan(facts.total_fen),
        "feeSumamt": _yuan(facts.fee_sum_fen),
        "ownPayAmt": _yuan(facts.own_pay_fen),
        "psnAcctPay": _yuan(facts.psn_acct_fen),
        "fundPay": _yuan(facts.fund_fen),
        "refundedOwnPayAmt": yuan(facts.refunded_own_fen),
        "refundedPsnAcctPay": yuan(facts.refunded_acct_fen),
        "refundedFundPay": yuan(facts.refunded_fund_fen),
    }


def _yuan(fen: Fen | None) -> str:
    return "" if fen is None else yuan(fen)


def webhook_id(key: PaymentKey, notification_id: int) -> str:
    """The webhook-id header: the same on every attempt and replay, so that a receiver recognises repeats."""
    return f"notify-{key.hospital}-{key.med_org_ord}-{notification_id}"


class Notify(PaymentKey):
    """The notification workflow's one argument. `run` counts from 1; each replay is another run."""

    notification_id: int
    run: int
    event: NotificationEvent

    @property
    def webhook_id(self) -> str:
        return webhook_id(self, self.notification_id)

    @property
    def workflow_id(self) -> str:
        return self.webhook_id if self.run == 1 else f"{self.webhook_id}-{self.run}"


class Delivery(StrEnum):
    """How a notification's run ended."""

    DELIVERED = "delivered"
    GONE = "gone"
    """The receiver answered 410 Gone: it does not want this notification."""
    UNDELIVERED = "undelivered"
    """Tried for a day without success."""
    SUPERSEDED = "superseded"
    """A replay has replaced this run."""


GIVEN_UP = frozenset({Delivery.GONE, Delivery.UNDELIVERED})


class NotificationStatus(StrEnum):
    """Delivery status of a notification."""

    WAITING = "waiting"
    SENDING = "sending"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"
    NO_WEBHOOK = "no_webhook"
    """The hospital had no webhook configured at the time. A replay sends it once there is one."""
