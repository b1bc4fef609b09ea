"""A payment or a refund that a person must decide: what is known, which actions are safe, who may do what (rule 15)."""

from datetime import datetime
from enum import StrEnum

from domain.fen import Fen
from domain.insurance import PAYING, OrderVerdict, verdict
from domain.orders import Frozen


class ReviewAction(StrEnum):
    ASK_AGAIN = "ASK_AGAIN"
    """Ask centre and HIS once more; what is clear by now is done by the rules. Needs no second person."""
    BOOK = "BOOK"
    """Book in HIS what the centre has settled."""
    REVERSE = "REVERSE"
    """Give the money back with revsToken, inside its hour."""
    REFUND = "REFUND"
    """Give the money back with a new payAuthNo of the patient (6203)."""
    ACCEPT = "ACCEPT"
    """Take it as settled: HIS has booked, and the difference is forgiven. For a refund: take it as done."""
    CLOSE_UNPAID = "CLOSE_UNPAID"
    """Close it as not paid; revoked first where it can be. For a refund: close it as not made."""


ALONE = frozenset({ReviewAction.ASK_AGAIN})
"""What one person may do: it moves and forgives no money by that person's word."""


class ReviewFacts(Frozen):
    """What each side says, asked live. `ord_stas` None: the centre does not answer. `his_answers`: whether HIS does."""

    ord_stas: int | None
    his_answers: bool
    settlement_no: str | None
    visit_id: str | None
    reversible_until: datetime | None
    """Until when revsToken serves; None where there is no token."""
    went_back: bool = False
    """Whether the money went back by our reversal."""


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


def _no_booking(facts: ReviewFacts, _: datetime) -> str:
    if not _is_paid(facts):
        return _not_paid(facts)
    if not facts.his_answers:
        return "医院信息系统未答复, 不能确认是否已入账"
    return "医院已入账, 不能重复入账" if facts.settlement_no else ""


def _no_reversal(facts: ReviewFacts, now: datetime) -> str:
    if not _is_paid(facts):
        return _not_paid(facts)
    if not facts.his_answers:
        return "医院信息系统未答复, 不能确认未入账"
    if facts.settlement_no:
        return "医院已入账, 不能冲正, 请走退费"
    if facts.reversible_until is None or now >= facts.reversible_until:
        return "冲正期限已过或没有冲正令牌, 请走退费"
    return ""


def _no_refund(facts: ReviewFacts, now: datetime) -> str:
    if not _is_paid(facts):
        return _not_paid(facts)
    if not facts.his_answers:
        return "医院信息系统未答复, 不能确认入账情况"
    if not facts.settlement_no and facts.reversible_until is not None and now < facts.reversible_until:
        return "冲正期限内请用冲正, 无需患者授权"
    return ""


def _no_acceptance(facts: ReviewFacts, _: datetime) -> str:
    if not _is_paid(facts):
        return _not_paid(facts)
    return "" if facts.settlement_no else "医院未入账, 不能认定为已结算"


def _no_closing(facts: ReviewFacts, _: datetime) -> str:
    if facts.ord_stas is None:
        return "医保中心未答复, 不能确认未付款"
    if _is_paid(facts):
        return "医保中心显示已付款, 不能关闭"
    if facts.ord_stas in PAYING:
        return "患者正在支付, 不能关闭"
    return "医院已入账, 不能按未付款关闭" if facts.settlement_no else ""


def _is_paid(facts: ReviewFacts) -> bool:
    return facts.ord_stas is not None and verdict(facts.ord_stas) is OrderVerdict.PAID


def _not_paid(facts: ReviewFacts) -> str:
    if facts.ord_stas is None:
        return "医保中心未答复, 不能确认已付款"
    return f"医保中心未显示已付款(ordStas {facts.ord_stas})"
