"""Everything a caller was ever told, by an answer or by webhook, and what each of it promised."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from domain.errors import ErrorCode
from domain.notifications import NotificationEvent
from domain.states import SETTLED_STATES, UNPAID_ENDS, PaymentState, RefundState
from tests.support.parties.receiver import Receiver

OK = 200


class Asked(StrEnum):
    """What a caller asked, or that it was told without asking."""

    PRE_SETTLE = "pre_settle"
    SETTLE = "settle"
    CANCEL = "cancel"
    REFUND = "refund"
    LOOK = "look"
    WEBHOOK = "webhook"


class Promise(StrEnum):
    """What an answer says that must stay true. A payment may be told in many ways that it has ended."""

    PAYABLE = "payable"
    """There is a payOrdId and a split: the patient may pay."""
    SETTLED = "settled"
    ENDED = "ended"
    """Nothing was, or will be, taken; or it went back."""


@dataclass(frozen=True)
class Answer:
    """`began`, `at`: when it was asked and answered, in seconds since the epoch.

    `status` 0: no answer came. `code`: X-Error-Code, or a webhook's event, or a look's state. `end`: how it ended, as
    far as it is named: its state, or the refusal's code.
    """

    began: float
    at: float
    asked: Asked
    status: int
    code: str = ""
    promise: Promise | None = None
    end: str = ""
    pay_ord_id: str = ""
    amounts: tuple[str, ...] = ()
    refund_no: str = ""

    @property
    def is_final(self) -> bool:
        """Whether a caller stops asking here."""
        return self.status == OK or 400 <= self.status < 429

    def __str__(self) -> str:
        facts = (self.asked.value, str(self.status), self.code, self.promise or "", self.pay_ord_id, self.refund_no)
        moment = datetime.fromtimestamp(self.at).astimezone().strftime("%H:%M:%S.%f")[:-3]
        return f"{moment} (+{self.at - self.began:.1f} s) {' '.join(filter(None, facts))}"


AMOUNT_FIELDS = ("feeSumamt", "ownPayAmt", "psnAcctPay", "fundPay")
_NOT_AN_END = frozenset(
    {
        *(ErrorCode.PROCESSING, ErrorCode.UNAVAILABLE, ErrorCode.RATE_LIMITED, ErrorCode.ORDER_CONFLICT),
        *(ErrorCode.NOT_PAID, ErrorCode.UNKNOWN_ORDER, ErrorCode.IN_REVIEW, ErrorCode.INVALID_FIELD),
        *(ErrorCode.MISSING_FIELD, ErrorCode.UNAUTHORIZED, ErrorCode.FORBIDDEN),
    }
)
_END_OF_A_QUOTED_ONE = frozenset({ErrorCode.EXPIRED, ErrorCode.CANCELLED, ErrorCode.REVERSED})
"""To interface 2 and to a cancel: other refusals may be about the call, not about the payment."""

_ENDS = UNPAID_ENDS | {PaymentState.REVERSED}
_TOLD_BY = {
    NotificationEvent.SETTLED: Promise.SETTLED,
    NotificationEvent.PARTIALLY_REFUNDED: Promise.SETTLED,
    NotificationEvent.REFUNDED: Promise.SETTLED,
    NotificationEvent.EXPIRED: Promise.ENDED,
    NotificationEvent.REVERSED: Promise.ENDED,
}


def answer_of(asked: Asked, began: float, at: float, *, status: int, code: str, data: object) -> Answer:
    """What a caller was told. `data`: DATA of the answer, if there is any."""
    facts = data if isinstance(data, dict) else {}
    promise, end = _promised(asked, status, code, facts)
    quoted = asked in {Asked.PRE_SETTLE, Asked.SETTLE} and promise in {Promise.PAYABLE, Promise.SETTLED}
    return Answer(
        began=began,
        at=at,
        asked=asked,
        status=status,
        code=code or (str(facts.get("state", "")) if asked in {Asked.LOOK, Asked.REFUND} else ""),
        promise=promise,
        end=end,
        pay_ord_id=str(facts.get("payOrdId", "")) if asked is not Asked.LOOK else "",
        amounts=tuple(str(facts.get(name, "")) for name in AMOUNT_FIELDS) if quoted else (),
        refund_no=str(facts.get("refundNo", "")),
    )


def _promised(asked: Asked, status: int, code: str, facts: dict[str, Any]) -> tuple[Promise | None, str]:
    if status != OK:
        return None, ""
    if asked is Asked.LOOK:
        return _by_state(str(facts.get("state", "")))
    if asked is Asked.REFUND:
        # Whether a refund was made or not, the payment was settled before.
        return (Promise.SETTLED, "") if facts.get("state") in set(RefundState) else (None, "")
    if not code:
        success = {Asked.PRE_SETTLE: Promise.PAYABLE, Asked.SETTLE: Promise.SETTLED, Asked.CANCEL: Promise.ENDED}
        return success[asked], PaymentState.CANCELLED.value if asked is Asked.CANCEL else ""
    ends = code not in _NOT_AN_END if asked is Asked.PRE_SETTLE else code in _END_OF_A_QUOTED_ONE
    return (Promise.ENDED, code) if ends else (None, "")


def _by_state(state: str) -> tuple[Promise | None, str]:
    if state in SETTLED_STATES:
        return Promise.SETTLED, ""
    return (Promise.ENDED, state) if state in _ENDS else (None, "")


def webhooks(receiver: Receiver) -> list[tuple[str, str, Answer]]:
    """Each webhook that came: its payment, its webhook-id, and what it told."""
    found = []
    for body, headers in zip(receiver.told, receiver.headers, strict=True):
        data, event = body["data"], NotificationEvent(body["type"])
        refund_no = str(data.get("refundNo", ""))
        promise = _TOLD_BY.get(event)
        answer = Answer(
            began=datetime.fromisoformat(body["timestamp"]).timestamp(),
            # The second in which it was sent, to its end.
            at=int(headers["webhook-timestamp"]) + 1.0,
            asked=Asked.WEBHOOK,
            status=OK,
            code=event.value,
            promise=promise,
            end=data["state"] if promise is Promise.ENDED else "",
            refund_no=refund_no,
        )
        found.append((str(data["medOrgOrd"]), headers["webhook-id"], answer))
    return found


@dataclass
class Told:
    """By payment, all answers in the order in which they came."""

    answers: dict[str, list[Answer]] = field(default_factory=lambda: defaultdict(list))
    events: dict[str, list[tuple[str, Answer]]] = field(default_factory=lambda: defaultdict(list))
    """By payment, each webhook's id and what it told."""
    calls: int = 0

    def note(self, number: str, answer: Answer) -> None:
        self.calls += 1
        self.answers[number].append(answer)

    def add_webhooks(self, came: Iterable[tuple[str, str, Answer]]) -> None:
        for number, webhook_id, answer in came:
            self.events[number].append((webhook_id, answer))

    def of(self, number: str) -> list[Answer]:
        """Answers and webhooks together, in order of time."""
        both = [*self.answers[number], *(answer for _, answer in self.events[number])]
        return sorted(both, key=lambda answer: answer.at)
