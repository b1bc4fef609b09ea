"""An operator's refund that waits for a second person: nothing is asked or reserved before it is approved."""

from datetime import datetime

from temporalio import workflow

from domain.attention import ATTENTION, AttentionReason
from domain.refunds import RefundStart
from domain.reviews import Decision, Proposal, ReviewAction, ReviewFacts, ReviewView, Waiting
from domain.states import RefundState
from domain.values.fen import Fen
from workflows.refund.progress import RefundProgress
from workflows.review.serving import CarriedOut

_REASON = AttentionReason.REFUND_PROPOSED
_ONLY_REFUND = "该退款尚未办理, 只能复核或重新提议退费(REFUND)"
_NO_AUTHORISATION = "退费须提供患者的支付授权码(payAuthNo)"
_POSSIBLE = frozenset({ReviewAction.ASK_AGAIN, ReviewAction.REFUND})
_NOBODY_ASKED = ReviewFacts(ord_stas=None, his_answers=False, settlement_no=None, visit_id=None, reversible_until=None)


class ProposedRefund:
    """From PROPOSED to REFUNDING. `expires_at`: when it fails without an approval."""

    def __init__(self, progress: RefundProgress, expires_at: datetime) -> None:
        self.owner = progress
        self.refund_no = progress.order.refund_no
        self.message = ATTENTION[_REASON].message
        self._progress = progress
        self._opened_at = workflow.now()
        self._expires_at = expires_at

    @property
    def state(self) -> str:
        return self._progress.state.value

    @property
    def is_open(self) -> bool:
        return self._progress.state is RefundState.PROPOSED

    async def look(self) -> ReviewFacts:
        """Nobody is asked: centre and HIS know nothing of it yet."""
        return _NOBODY_ASKED

    def view(self, found: ReviewFacts) -> ReviewView:
        return ReviewView(
            reason=_REASON.value,
            message=self.message,
            opened_at=self._opened_at,
            deadline=self._expires_at,
            at_risk_fen=Fen(0),
            facts=found,
            refused=dict.fromkeys((action for action in ReviewAction if action not in _POSSIBLE), _ONLY_REFUND),
            proposed=None,
        )

    def refusal(self, proposal: Proposal, found: ReviewFacts) -> str:  # noqa: ARG002 - part of `Case`
        if proposal.action not in _POSSIBLE:
            return _ONLY_REFUND
        if proposal.refund not in {"", self._progress.order.wanted}:
            return f"退款单号(refundNo)已用于另一笔退款提议: {self._progress.order.wanted}"
        needed = proposal.action is ReviewAction.REFUND
        return _NO_AUTHORISATION if needed and not proposal.pay_auth_no else ""

    async def follow_the_rules(self, found: ReviewFacts) -> None:
        """There are none: it takes a second person."""

    async def carry_out(self, proposal: Proposal, found: ReviewFacts) -> CarriedOut:  # noqa: ARG002 - part of `Case`
        """The refund begins; the person is answered once it has ended, or is under review."""
        self._progress.approved(proposal)
        return CarriedOut()

    def still_open(self, found: ReviewFacts) -> str:  # noqa: ARG002 - part of `Case`
        return self.message

    def decision(self, message: str) -> Decision | None:
        """Without a `message`, only once the refund has ended or is under review."""
        progress = self._progress
        if not message and not progress.decided:
            return None
        said = progress.end.message if progress.end is not None else ""
        return Decision(state=self.state, message=message or said or "已退费")

    async def next_run(self, waiting: Waiting | None) -> RefundStart:
        """Never asked for: its time is over long before a run is full."""
        raise AssertionError(f"{self.refund_no} expires: {waiting}")
