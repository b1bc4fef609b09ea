"""A payment or a refund that a person must decide: what is known, which actions are safe, who may do what (rule 15)."""

from datetime import datetime
from enum import StrEnum

from domain.attention import ATTENTION, AttentionReason, Resolver
from domain.base import Frozen
from domain.fen import Fen
from domain.insurance import Split
from domain.ord_stas import PARTLY_BACK, PAYING, REVOCABLE, OrderVerdict, OrdStas, RefundVerdict, verdict
from domain.refunds import RefundLook
from domain.states import PaymentState


class ReviewAction(StrEnum):
    ASK_AGAIN = "ASK_AGAIN"
    """Ask centre and HIS once more; what is clear by now is done by the rules. Needs no second person."""
    BOOK = "BOOK"
    """Book in HIS what the centre has settled."""
    REVERSE = "REVERSE"
    """Give the money back with revsToken, inside its hour."""
    REFUND = "REFUND"
    """Give the money back with a new payAuthNo of the patient (6203); or, where it is back, only tell HIS of it."""
    ACCEPT = "ACCEPT"
    """Take it as settled: HIS has booked, and the difference is forgiven. For a refund: take it as done."""
    CLOSE_UNPAID = "CLOSE_UNPAID"
    """Close it as not paid; revoked first where it can be. For a refund: close it as not made."""


ALONE = frozenset({ReviewAction.ASK_AGAIN})
"""What one person may do: it moves and forgives no money by that person's word."""


class CaseEvent(StrEnum):
    """What happens to a case, as `review_event` has it."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    """The second person's word; the sides were asked again, and the action is still safe."""
    REFUSED = "refused"
    """Not safe, when proposed or when approved: the reason is the machine's."""
    CARRIED_OUT = "carried_out"
    """Done, or handed back to the payment's story: the reason is the state that it led to."""


class ReviewFacts(Frozen):
    """What each side says, asked live. `ord_stas` None: the centre does not answer. `his_answers`: whether HIS does."""

    ord_stas: int | None
    his_answers: bool
    settlement_no: str | None
    visit_id: str | None
    reversible_until: datetime | None
    """Until when revsToken serves; None where there is no token."""
    went_back: bool = False
    """Whether all that the centre has to give back is back (`domain.ord_stas.money_is_back`)."""
    settled: Split | None = None
    """What the centre says that it has settled. None: it has not, or names no amounts."""
    same_amounts: bool = True
    """Whether that is what it had pre-settled (product rule 11)."""
    adds_up: bool = True
    """Whether the settled parts make TOTAL."""
    visit_missing: bool = False
    """Whether HIS can't book for want of a visit that only the caller may make (product rule 9)."""


class Proposed(Frozen):
    """An action that waits for a second person."""

    action: ReviewAction
    by: str
    reason: str
    at: datetime


class ReviewView(Frozen):
    """A case as a person sees it. `refused`: each action that is not safe now, and why, in Chinese."""

    reason: str
    message: str
    opened_at: datetime
    deadline: datetime | None
    at_risk_fen: Fen
    facts: ReviewFacts
    refused: dict[ReviewAction, str]
    proposed: Proposed | None


class Proposal(Frozen):
    """Somebody's wish. `by` is the name of the key. `pay_auth_no`: of the patient, for `REFUND`."""

    action: ReviewAction
    by: str
    reason: str
    pay_auth_no: str = ""


class Approval(Frozen):
    """The second person's word on the action that was proposed."""

    action: ReviewAction
    by: str


class Decision(Frozen):
    """What came of a proposal or an approval. `waiting`: a second person is needed. `state`: where the case stands."""

    state: str
    message: str
    waiting: bool = False


def refused_actions(facts: ReviewFacts, now: datetime) -> dict[ReviewAction, str]:
    """Each action on a payment that is not safe on these facts, and why. What is not in it may be proposed."""
    checks = {
        ReviewAction.BOOK: _no_booking,
        ReviewAction.REVERSE: _no_reversal,
        ReviewAction.REFUND: _no_refund,
        ReviewAction.ACCEPT: _no_acceptance,
        ReviewAction.CLOSE_UNPAID: _no_closing,
    }
    found = {action: check(facts, now) for action, check in checks.items()}
    return {action: why for action, why in found.items() if why}


def clear_by_now(reason: AttentionReason, facts: ReviewFacts) -> PaymentState | None:
    """Where the rules alone lead a payment under review for `reason`. None: a person must decide."""
    if facts.ord_stas is None or not facts.his_answers:
        return None
    resolved_by = ATTENTION[reason].resolved_by
    if facts.went_back:
        given_back = Resolver.MONEY_BACK in resolved_by and not facts.settlement_no
        return PaymentState.REVERSED if given_back else None
    if is_paid(facts):
        return _clear_of_paid(resolved_by, facts)
    if facts.settlement_no or Resolver.UNPAID not in resolved_by:
        return None
    ends = {OrderVerdict.REVOKED: PaymentState.CANCELLED, OrderVerdict.FAILED: PaymentState.REJECTED}
    return ends.get(verdict(facts.ord_stas))


def is_paid(facts: ReviewFacts) -> bool:
    """Whether the centre says 6, which alone is paid."""
    return facts.ord_stas is not None and verdict(facts.ord_stas) is OrderVerdict.PAID


def is_revocable(facts: ReviewFacts) -> bool:
    """Whether 6401 must come before an unpaid end."""
    return facts.ord_stas in REVOCABLE


def _clear_of_paid(resolved_by: frozenset[Resolver], facts: ReviewFacts) -> PaymentState | None:
    if not facts.same_amounts:
        return None
    if facts.settlement_no:
        return PaymentState.SETTLED
    return PaymentState.PAID if Resolver.PAID in resolved_by and not facts.visit_missing else None


def _no_booking(facts: ReviewFacts, _: datetime) -> str:
    if not is_paid(facts):
        return _not_paid(facts)
    if not facts.his_answers:
        return "医院信息系统未答复, 不能确认是否已入账"
    if facts.settlement_no:
        return "医院已入账, 不能重复入账"
    if not facts.adds_up:
        return "医保结算各部分金额之和与总金额(TOTAL)不符, 不能入账"
    return "缺少就诊ID(VISIT_ID), 须由调用方先在医院登记, 再重新查询" if facts.visit_missing else ""


def _no_reversal(facts: ReviewFacts, now: datetime) -> str:
    if not is_paid(facts):
        return _not_paid(facts)
    if not facts.his_answers:
        return "医院信息系统未答复, 不能确认未入账"
    if facts.settlement_no:
        return "医院已入账, 不能冲正, 请走退费"
    if facts.reversible_until is None or now >= facts.reversible_until:
        return "冲正期限已过或没有冲正令牌, 请走退费"
    return ""


def _no_refund(facts: ReviewFacts, now: datetime) -> str:
    if facts.went_back and facts.his_answers:
        return "" if facts.settlement_no else "款项已退回, 医院未入账, 无需退费"
    if not is_paid(facts) and not facts.went_back:
        return _not_paid(facts)
    if not facts.his_answers:
        return "医院信息系统未答复, 不能确认入账情况"
    if not facts.settlement_no and facts.reversible_until is not None and now < facts.reversible_until:
        return "冲正期限内请用冲正, 无需患者授权"
    return ""


def _no_acceptance(facts: ReviewFacts, _: datetime) -> str:
    if not is_paid(facts):
        return _not_paid(facts)
    if not facts.his_answers:
        return "医院信息系统未答复, 不能确认已入账"
    return "" if facts.settlement_no else "医院未入账, 不能认定为已结算"


def _no_closing(facts: ReviewFacts, _: datetime) -> str:
    if facts.ord_stas is None:
        return "医保中心未答复, 不能确认未付款"
    if not facts.went_back and (paid := _may_be_paid(facts, facts.ord_stas)):
        return paid
    if not facts.his_answers:
        return "医院信息系统未答复, 不能确认未入账"
    return "医院已入账, 不能按未付款关闭" if facts.settlement_no else ""


def _may_be_paid(facts: ReviewFacts, ord_stas: int) -> str:
    if is_paid(facts):
        return "医保中心显示已付款, 不能关闭"
    if ord_stas in PAYING:
        return "患者正在支付, 不能关闭"
    if ord_stas in PARTLY_BACK:
        return f"款项只退回了一部分(ordStas {ord_stas}), 请先在医保中心退清"
    if verdict(ord_stas) is OrderVerdict.WAIT and not is_revocable(facts):
        return f"医保订单状态未明(ordStas {ord_stas}), 不能关闭"
    return ""


def _not_paid(facts: ReviewFacts) -> str:
    if facts.ord_stas is None:
        return "医保中心未答复, 不能确认已付款"
    if facts.went_back:
        return "医保中心显示款项已退回"
    return f"医保中心未显示已付款(ordStas {facts.ord_stas})"


_NO_ANSWER = "医保中心未答复, 不能确认是否已退费"

_UNDER_WAY = "医保中心正在处理退费(ordStas 17), 请稍后重新查询"

_NOT_FOR_REFUNDS = "该操作不适用于退费"


def refused_on_refund(look: RefundLook | None) -> dict[ReviewAction, str]:
    """Each action that is not safe, and why. `look` None: the centre does not answer."""
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
