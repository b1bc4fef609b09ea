"""What callers are told by webhook (Standard Webhooks): after which states, and in which words.

A body holds no personal data and no token: it crosses networks that we don't know.
"""

import json
from datetime import datetime
from enum import StrEnum

from domain.base import Frozen, PaymentKey
from domain.fen import Fen, yuan
from domain.states import SETTLED_STATES, PaymentState


class NotificationEvent(StrEnum):
    """A body's `type`. The names are those of the states that are told."""

    SETTLED = "payment.settled"
    EXPIRED = "payment.expired"
    REVERSED = "payment.reversed"
    PARTIALLY_REFUNDED = "payment.partially_refunded"
    REFUNDED = "payment.refunded"
    IN_REVIEW = "payment.in_review"


EVENT_NAMES = frozenset(event.value for event in NotificationEvent)


def event_of(state: PaymentState) -> NotificationEvent | None:
    """What a caller is told when a payment comes to `state`. None: nothing."""
    return NotificationEvent.__members__.get(state.name)


class ToldFacts(Frozen):
    """What a body says of a payment beside its key. Texts are empty where there is nothing to say."""

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
    """The JSON text that is signed and sent, the same again on each repeat. Names are the interface's, amounts yuan."""
    settled = facts.state in SETTLED_STATES
    data = {
        "hospital": key.hospital,
        "medOrgOrd": key.med_org_ord,
        "payOrdId": facts.pay_ord_id,
        "state": facts.state.value,
        "amounts": _amounts(facts),
        # What a review once said is over when the payment is settled.
        "errorCode": "" if settled else facts.error_code,
        "errorMessage": "" if settled else facts.error_message,
    }
    if facts.refund_no:
        data["refundNo"] = facts.refund_no
    whole = {"type": event.value, "timestamp": at.isoformat(timespec="milliseconds"), "data": data}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":"))


def _amounts(facts: ToldFacts) -> dict[str, str]:
    """`refunded…`: what went back by refunds, all of them together."""
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
    """The same on every attempt and every replay: by it a receiver knows what it has seen."""
    return f"notify-{key.hospital}-{key.med_org_ord}-{notification_id}"


class Notify(PaymentKey):
    """Deliver one notification. `run` counts from 1; a replay is a run of its own."""

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
    """How a run ended."""

    DELIVERED = "delivered"
    GONE = "gone"
    """The receiver wants no more of it (410)."""
    UNDELIVERED = "undelivered"
    """Tried for a day."""
    SUPERSEDED = "superseded"
    """A replay has taken its place."""


GIVEN_UP = frozenset({Delivery.GONE, Delivery.UNDELIVERED})


class NotificationStatus(StrEnum):
    """Where a notification stands."""

    WAITING = "waiting"
    SENDING = "sending"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"
    NO_WEBHOOK = "no_webhook"
    """The hospital had named no address when it came up. A replay sends it once there is one."""
