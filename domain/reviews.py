"""Reviews of payments and refunds: what is known, which actions are safe, who may do what (product rule 15)."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar

from domain.attention import ATTENTION, AttentionReason, Resolver
from domain.base import Frozen, Joined
from domain.insurance import Split
from domain.ord_stas import (
    PARTLY_BACK,
    PAYING,
    REVOCABLE,
    OrderVerdict,
    OrdStas,
    RefundLook,
    RefundVerdict,
    verdict,
)
from domain.states import PaymentState
from domain.values.fen import Fen


class ReviewAction(StrEnum):
    ASK_AGAIN = "ASK_AGAIN"
    """Ask the centre and HIS again; what has become clear is settled by the rules. Needs no second person."""
    BOOK = "BOOK"
    """Book the centre's settlement in HIS."""
    REVERSE = "REVERSE"
    """Send the money back by 6203 with revsToken, before it expires."""
    REFUND = "REFUND"
    """Send the money back by 6203 with a new payAuthNo of the patient; if it is back already, only tell HIS."""
    ACCEPT = "ACCEPT"
    """Accept it as settled: HIS has booked, and any difference is forgiven. For a refund: accept it as made."""
    CLOSE_UNPAID = "CLOSE_UNPAID"
    """Close it as unpaid, after 6401 where the order can be revoked. For a refund: close it as not made."""


ALONE = frozenset({ReviewAction.ASK_AGAIN})
"""What one person may do alone: it neither moves nor forgives money on their word."""


class CaseEvent(StrEnum):
    """What happened to a case, as stored in the table `review_event`."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    """A second person approved, and the action is still safe by fresh answers of both sides."""
    REFUSED = "refused"
    """Not safe when proposed or approved; the reason is ours."""
    CARRIED_OUT = "carried_out"
    """Done, or the payment's workflow goes on; the reason is the state that it led to."""


class ReviewFacts(Frozen):
    """What each side answers now. `ord_stas` None: the centre does not answer. `his_answers`: whether HIS does."""

    ord_stas: int | None
    his_answers: bool
    settlement_no: str | None
    visit_id: str | None
    reversible_until: datetime | None
    """When revsToken expires; None if there is no token."""
    went_back: bool = False
    """Whether everything that the centre has to refund is back (`domain.ord_stas.money_is_back`)."""
    settled: Split | None = None
    """The amounts that the centre settled. None: it has not settled, or names no amounts."""
    same_amounts: bool = True
    """Whether they are those of the pre-settlement (product rule 11)."""
    adds_up: bool = True
    """Whether the settled parts add up to TOTAL."""
    visit_missing: bool = False
    """Whether HIS cannot book because the caller has not registered the visit yet (product rule 9)."""


class Proposed(Frozen):
    """An action that awaits a second person's approval. `proposal`: its id, which the approval must name."""

    proposal: str
    action: ReviewAction
    by: str
    reason: str
    at: datetime


class ReviewView(Joined):
    """A case as shown to people. `refused`: each action that is not safe now, and why, in Chinese."""

    reason: str
    message: str
    opened_at: datetime
    deadline: datetime | None
    at_risk_fen: Fen
    facts: ReviewFacts
    refused: dict[ReviewAction, str]
    proposed: Proposed | None


class Inspection(Joined):
    """A person's wish to see a case as it is now."""


COMMAND_SERVES = timedelta(minutes=10)
"""How long a person's command may take from the API to its workflow, by the database's clock."""


class CommandVerdict(StrEnum):
    """What our database says about a person's command, before anything is done on it."""

    ACCEPTED = "accepted"
    EXPIRED = "expired"
    USED_BEFORE = "used_before"
    """Its number came with another update: somebody has sent it again in Temporal."""
    RESET = "reset"
    """Its number was used in an earlier run: a reset of the workflow has sent it again."""


COMMAND_REFUSED = {
    CommandVerdict.EXPIRED: "该操作未能在时限内执行, 已失效, 请重新提议或复核",
    CommandVerdict.USED_BEFORE: "该操作已提交过, 不能重复使用, 未执行",
    CommandVerdict.RESET: "流程已被重置, 重置前的提议和复核不再有效, 请重新提议和复核",
}
"""What a person is told of a command that is not accepted."""


class Command(Joined):
    """What a person orders. `by`: the name of their key. `number`: made by the API, and used once.

    Whoever reaches Temporal can send what is written there again; the number is then known to our database.
    """

    of_this_call: ClassVar[frozenset[str]] = frozenset({"call", "number", "expires_at"})

    by: str
    number: str
    expires_at: datetime


class Proposal(Command):
    """A person's proposal; its number is its id. `pay_auth_no`: the patient's, for `REFUND` only.

    `refund`: type and amount of the refund that an operator asks for; empty for what is under review already.
    """

    action: ReviewAction
    reason: str
    pay_auth_no: str = ""
    refund: str = ""

    def is_same_as(self, other: "Proposal") -> bool:
        """Whether the same person proposes the same thing again."""
        return self.model_dump(exclude=set(self.of_this_call)) == other.model_dump(exclude=set(self.of_this_call))


class Waiting(Frozen):
    """A proposal that awaits a second person since `at`."""

    proposal: Proposal
    at: datetime

    def shown(self) -> Proposed:
        """As it is shown to people."""
        proposal = self.proposal
        return Proposed(
            proposal=proposal.number, action=proposal.action, by=proposal.by, reason=proposal.reason, at=self.at
        )


class Approval(Command):
    """A second person's approval of the proposal with the id `proposal`, which is for `action`."""

    action: ReviewAction
    proposal: str


class Decision(Joined):
    """The answer to a proposal or an approval. `state`: the case's. `waiting`: a second person must approve.

    `proposal`: the id of the proposal that was made or approved; empty for what one person does alone.
    """

    state: str
    message: str
    waiting: bool = False
    proposal: str = ""


def refused_actions(facts: ReviewFacts, now: datetime) -> dict[ReviewAction, str]:
    """Each action on a payment that is not safe on these facts, and why. Any other action may be proposed."""
    checks = {
        ReviewAction.BOOK: _why_not_book,
        ReviewAction.REVERSE: _why_not_reverse,
        ReviewAction.REFUND: _why_not_refund,
        ReviewAction.ACCEPT: _why_not_accept,
        ReviewAction.CLOSE_UNPAID: _why_not_close,
    }
    found = {action: check(facts, now) for action, check in checks.items()}
    return {action: why for action, why in found.items() if why}


def clear_by_now(reason: AttentionReason, facts: ReviewFacts) -> PaymentState | None:
    """The state to which the rules alone bring a payment under review for `reason`. None: a person must decide."""
    if facts.ord_stas is None or not facts.his_answers:
        return None
    rule = ATTENTION[reason]
    if facts.went_back:
        return PaymentState.REVERSED if rule.after_reversal and not facts.settlement_no else None
    if is_paid(facts):
        return _clear_if_paid(rule.resolved_by, facts)
    if facts.settlement_no or Resolver.UNPAID not in rule.resolved_by:
        return None
    ends = {OrderVerdict.REVOKED: PaymentState.CANCELLED, OrderVerdict.FAILED: PaymentState.REJECTED}
    return ends.get(verdict(facts.ord_stas))


def is_paid(facts: ReviewFacts) -> bool:
    """Whether the centre answers ordStas 6, the only one that means paid."""
    return facts.ord_stas is not None and verdict(facts.ord_stas) is OrderVerdict.PAID


def is_revocable(facts: ReviewFacts) -> bool:
    """Whether the order must be revoked (6401) before the payment ends unpaid."""
    return facts.ord_stas in REVOCABLE


def _clear_if_paid(resolved_by: frozenset[Resolver], facts: ReviewFacts) -> PaymentState | None:
    if not facts.same_amounts:
        return None
    if facts.settlement_no:
        return PaymentState.SETTLED
    return PaymentState.PAID if Resolver.PAID in resolved_by and not facts.visit_missing else None


def _why_not_book(facts: ReviewFacts, _: datetime) -> str:
    if not is_paid(facts):
        return _why_not_paid(facts)
    if not facts.his_answers:
        return "医院信息系统未答复, 不能确认是否已入账"
    if facts.settlement_no:
        return "医院已入账, 不能重复入账"
    if not facts.adds_up:
        return "医保结算各部分金额之和与总金额(TOTAL)不符, 不能入账"
    return "缺少就诊ID(VISIT_ID), 须由调用方先在医院登记, 再重新查询" if facts.visit_missing else ""


def _why_not_reverse(facts: ReviewFacts, now: datetime) -> str:
    if not is_paid(facts):
        return _why_not_paid(facts)
    if not facts.his_answers:
        return "医院信息系统未答复, 不能确认未入账"
    if facts.settlement_no:
        return "医院已入账, 不能冲正, 请走退费"
    if facts.reversible_until is None or now >= facts.reversible_until:
        return "冲正期限已过或没有冲正令牌, 请走退费"
    return ""


def _why_not_refund(facts: ReviewFacts, now: datetime) -> str:
    if facts.went_back and facts.his_answers:
        return "" if facts.settlement_no else "款项已退回, 医院未入账, 无需退费"
    if not is_paid(facts) and not facts.went_back:
        return _why_not_paid(facts)
    if not facts.his_answers:
        return "医院信息系统未答复, 不能确认入账情况"
    if not facts.settlement_no and facts.reversible_until is not None and now < facts.reversible_until:
        return "冲正期限内请用冲正, 无需患者授权"
    return ""


def _why_not_accept(facts: ReviewFacts, _: datetime) -> str:
    if not is_paid(facts):
        return _why_not_paid(facts)
    if not facts.his_answers:
        return "医院信息系统未答复, 不能确认已入账"
    return "" if facts.settlement_no else "医院未入账, 不能认定为已结算"


def _why_not_close(facts: ReviewFacts, _: datetime) -> str:
    if facts.ord_stas is None:
        return "医保中心未答复, 不能确认未付款"
    if not facts.went_back and (paid := _why_maybe_paid(facts, facts.ord_stas)):
        return paid
    if not facts.his_answers:
        return "医院信息系统未答复, 不能确认未入账"
    return "医院已入账, 不能按未付款关闭" if facts.settlement_no else ""


def _why_maybe_paid(facts: ReviewFacts, ord_stas: int) -> str:
    if is_paid(facts):
        return "医保中心显示已付款, 不能关闭"
    if ord_stas in PAYING:
        return "患者正在支付, 不能关闭"
    if ord_stas in PARTLY_BACK:
        return f"款项只退回了一部分(ordStas {ord_stas}), 请先在医保中心退清"
    if verdict(ord_stas) is OrderVerdict.WAIT and not is_revocable(facts):
        return f"医保订单状态未明(ordStas {ord_stas}), 不能关闭"
    return ""


def _why_not_paid(facts: ReviewFacts) -> str:
    if facts.ord_stas is None:
        return "医保中心未答复, 不能确认已付款"
    if facts.went_back:
        return "医保中心显示款项已退回"
    return f"医保中心未显示已付款(ordStas {facts.ord_stas})"


_NO_ANSWER = "医保中心未答复, 不能确认是否已退费"

_UNDER_WAY = "医保中心正在处理退费(ordStas 17), 请稍后重新查询"

_NOT_FOR_REFUNDS = "该操作不适用于退费"


def refused_on_refund(look: RefundLook | None) -> dict[ReviewAction, str]:
    """Each action on a refund that is not safe, and why. `look` None: the centre does not answer."""
    refused = {ReviewAction.BOOK: _NOT_FOR_REFUNDS, ReviewAction.REVERSE: _NOT_FOR_REFUNDS}
    if look is None or look.ord_stas == OrdStas.REFUNDING:
        why = _NO_ANSWER if look is None else _UNDER_WAY
        return refused | dict.fromkeys((ReviewAction.REFUND, ReviewAction.ACCEPT, ReviewAction.CLOSE_UNPAID), why)
    shown = f"(ordStas {look.ord_stas})"
    if look.verdict is RefundVerdict.DONE:
        refused[ReviewAction.REFUND] = f"医保中心显示已退费{shown}, 不能再退"
        refused[ReviewAction.CLOSE_UNPAID] = f"医保中心显示已退费{shown}, 不能按未退费关闭"
    if look.verdict is RefundVerdict.NOT_DONE:
        refused[ReviewAction.ACCEPT] = f"医保中心显示未退费{shown}, 不能认定为已退费"
    return refused
