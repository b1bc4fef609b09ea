"""Calls about review cases. Our row says which workflow owns a case; the workflow asks centre and HIS, and decides."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

import structlog

from activities.in_flight import InFlight
from api.temporal import WorkflowClosedError
from api.updates import JoinedUpdates
from api.web.errors import ApiError
from domain.attention import AttentionReason
from domain.base import PaymentKey
from domain.errors import ErrorCode, PaymentError
from domain.reviews import (
    COMMAND_SERVES,
    Approval,
    CaseEvent,
    Decision,
    Inspection,
    Proposal,
    ReviewAction,
    ReviewView,
)
from domain.states import PaymentState, RefundState
from storage.known import insured_name
from storage.records import CaseEventRecord, CaseRecord, PaymentRecord
from storage.session import Database

logger = structlog.get_logger(__name__)

PAGE_MAX = 50
_NO_CASE = "不在人工核查中"
PROPOSAL_BROKEN_OFF = "该退款提议的处理被中断, 未退费; 如仍需退款请用新的退款单号(refundNo)重新提议"
_BROKEN_OFF = "该订单的处理被中断, 不能自动查询和处理, 请联系运维"


@dataclass(frozen=True)
class ProposalWish:
    """What somebody proposes. `by`: the name of their key."""

    by: str
    action: ReviewAction
    reason: str
    pay_auth_no: str = ""

    def command(self, now: datetime) -> Proposal:
        """As a command with a number of its own. `now`: the database's time."""
        return Proposal(
            by=self.by,
            number=new_number(),
            expires_at=now + COMMAND_SERVES,
            action=self.action,
            reason=self.reason,
            pay_auth_no=self.pay_auth_no,
        )


@dataclass(frozen=True)
class ApprovalWish:
    """What somebody approves: the proposal with this id. `action`: what they take it for, if they say so."""

    by: str
    proposal: str
    action: ReviewAction | None = None


@dataclass(frozen=True)
class Insured:
    """The patient whose payment it is, and whose payAuthNo a refund takes. `name`: empty if it is not known."""

    patient_id: str
    name: str


@dataclass(frozen=True)
class Decided:
    """`patient`: the one whose payAuthNo it takes; None if it takes none."""

    decision: Decision
    patient: Insured | None


@dataclass(frozen=True)
class CaseLook:
    """A case as our rows have it, and as its workflow sees it now. `state`: the payment's.

    `view` is None if the case is closed or its workflow could not be asked; `unasked` says why, in Chinese.
    """

    case: CaseRecord
    events: Sequence[CaseEventRecord]
    state: PaymentState
    patient: Insured
    view: ReviewView | None
    unasked: str = ""


class ReviewWorkflows(JoinedUpdates):
    """What the API asks of the payment or refund under review. Methods raise as those of `JoinedUpdates`."""

    async def inspect(self, workflow_id: str) -> ReviewView:
        """What centre and HIS say now, and which actions are safe."""
        return await self.ask(self.question(workflow_id, "inspect", Inspection()), ReviewView)

    async def propose(self, workflow_id: str, proposal: Proposal) -> Decision:
        """Ask again, or propose an action to a second person."""
        return await self.ask(self.question(workflow_id, "propose", proposal), Decision)

    async def approve(self, workflow_id: str, approval: Approval) -> Decision:
        """Carry out what another person proposed."""
        return await self.ask(self.question(workflow_id, "approve", approval), Decision)


class ReviewsService:
    """Every method raises `PaymentError`. `refund_no` is empty for the payment's own case."""

    def __init__(self, database: Database, workflows: ReviewWorkflows) -> None:
        self._database = database
        self._workflows = workflows
        self._inspecting = InFlight[ReviewView]()
        self._approving = InFlight[Decision]()

    async def page(self, hospital: str, cursor: int) -> tuple[list[CaseRecord], int | None]:
        """The open cases after `cursor`, oldest first, and the cursor of the next page, if there is one."""
        async with self._database.read() as unit:
            cases = await unit.reviews.open_cases(hospital, cursor, PAGE_MAX + 1)
        shown = cases[:PAGE_MAX]
        return shown, shown[-1].id if len(cases) > PAGE_MAX else None

    async def look(self, key: PaymentKey, refund_no: str) -> CaseLook:
        """The newest case. Concurrent calls share one inspection. Raises UNKNOWN_ORDER if there never was a case."""
        case, events = await self._find(key, refund_no)
        payment = await self._payment(key)
        state, patient = payment.state, _insured(payment)
        if case.closed_at is not None:
            return CaseLook(case, events, state, patient, None, _NO_CASE)
        try:
            view = await self._inspecting.join(case.workflow_id, lambda: self._workflows.inspect(case.workflow_id))
        except WorkflowClosedError:
            return CaseLook(case, events, state, patient, None, await self._broken_off(case))
        except PaymentError as error:
            return CaseLook(case, events, state, patient, None, error.message)
        return CaseLook(case, events, state, patient, view)

    async def propose(self, key: PaymentKey, refund_no: str, wish: ProposalWish) -> Decided:
        """Ask again, or propose an action to a second person. Raises ACTION_REFUSED with the reason."""
        case, _ = await self._find_open(key, refund_no)
        proposal = wish.command(await self._now())
        try:
            decision = await self._workflows.propose(case.workflow_id, proposal)
        except WorkflowClosedError:
            raise await self._gone(key, refund_no) from None
        return await self._about(key, wish.action, decision)

    async def approve(self, key: PaymentKey, refund_no: str, wish: ApprovalWish) -> Decided:
        """Carry out what another person proposed. A repeated approval is answered from our rows."""
        case, events = await self._find(key, refund_no)
        approval = Approval(
            by=wish.by,
            number=new_number(),
            expires_at=await self._now() + COMMAND_SERVES,
            action=_action_of(wish, events),
            proposal=wish.proposal,
        )
        return await self._about(key, approval.action, await self._approve(case, events, approval))

    async def _approve(self, case: CaseRecord, events: Sequence[CaseEventRecord], approval: Approval) -> Decision:
        key, refund_no = case.key, case.refund_no
        if case.closed_at is not None:
            return await self._decided_before(case, events, approval)
        try:
            return await self._approving.join(
                (case.workflow_id, approval.by, approval.proposal),
                lambda: self._workflows.approve(case.workflow_id, approval),
            )
        except (WorkflowClosedError, PaymentError) as error:
            # Perhaps this very approval was carried out meanwhile: an earlier call sent it and did not wait.
            case, events = await self._find(key, refund_no)
            over = not isinstance(error, PaymentError) or error.code is ErrorCode.ACTION_REFUSED
            if over and case.closed_at is not None:
                return await self._decided_before(case, events, approval)
            if isinstance(error, PaymentError):
                raise
            raise await self._gone(key, refund_no) from None

    async def _find(self, key: PaymentKey, refund_no: str) -> tuple[CaseRecord, list[CaseEventRecord]]:
        async with self._database.read() as unit:
            case = await unit.reviews.find(key, refund_no)
            events = await unit.reviews.events(key, refund_no)
        if case is None:
            message = "没有这个医院订单号(medOrgOrd)的核查"
            raise ApiError(ErrorCode.UNKNOWN_ORDER, message, status=HTTPStatus.NOT_FOUND)
        return case, events

    async def _decided_before(
        self, case: CaseRecord, events: Sequence[CaseEventRecord], approval: Approval
    ) -> Decision:
        """The decision of a case that this approval closed. Raises ACTION_REFUSED if another one did."""
        approved = [event for event in events if event.event is CaseEvent.APPROVED and event.at >= case.opened_at]
        if not approved or (approved[-1].proposal, approved[-1].by) != (approval.proposal, approval.by):
            raise _closed(case)
        return Decision(state=await self._state(case), message="该操作已执行", proposal=approval.proposal)

    async def _state(self, case: CaseRecord) -> str:
        """Of the refund, or of the payment whose case it is."""
        if not case.refund_no:
            return (await self._payment(case.key)).state.value
        async with self._database.read() as unit:
            refund = await unit.refunds.find(case.key, case.refund_no)
        return case.outcome or "" if refund is None else refund.state.value

    async def _about(self, key: PaymentKey, action: ReviewAction, decision: Decision) -> Decided:
        patient = _insured(await self._payment(key)) if action is ReviewAction.REFUND else None
        return Decided(decision, patient)

    async def _payment(self, key: PaymentKey) -> PaymentRecord:
        async with self._database.read() as unit:
            payment = await unit.payments.find(key)
        if payment is None:
            raise AssertionError("a case without its payment")
        return payment

    async def _now(self) -> datetime:
        async with self._database.read() as unit:
            return await unit.now()

    async def _find_open(self, key: PaymentKey, refund_no: str) -> tuple[CaseRecord, list[CaseEventRecord]]:
        case, events = await self._find(key, refund_no)
        if case.closed_at is not None:
            raise _closed(case)
        return case, events

    async def _gone(self, key: PaymentKey, refund_no: str) -> PaymentError:
        """The answer where the workflow has ended: by a decision meanwhile, or because someone terminated it."""
        case, _ = await self._find(key, refund_no)
        if case.closed_at is not None:
            return _closed(case)
        return PaymentError(ErrorCode.ACTION_REFUSED, await self._broken_off(case))

    async def _broken_off(self, case: CaseRecord) -> str:
        """Somebody terminated the workflow. A refund that was only proposed is over: nothing was done for it."""
        logger.error("review_broken_off", workflow_id=case.workflow_id)
        if case.reason != AttentionReason.REFUND_PROPOSED:
            return _BROKEN_OFF
        async with self._database.begin() as unit:
            outcome = RefundState.REFUND_FAILED.value
            await unit.reviews.closed(case.key, case.refund_no, outcome, await unit.now())
        return PROPOSAL_BROKEN_OFF


def new_number() -> str:
    """The number of a person's command: 128 random bits."""
    return secrets.token_hex(16)


def _action_of(wish: ApprovalWish, events: Sequence[CaseEventRecord]) -> ReviewAction:
    """The action that was proposed under this id. Raises `PaymentError` ACTION_REFUSED."""
    proposed = [one for one in events if one.event is CaseEvent.PROPOSED and one.proposal == wish.proposal]
    if not proposed:
        raise PaymentError(ErrorCode.ACTION_REFUSED, "没有这个提议(proposal), 请重新查看")
    action = proposed[-1].action
    if wish.action not in {None, action}:
        raise PaymentError(ErrorCode.ACTION_REFUSED, f"该提议的操作(action)是{action.value}, 不是{wish.action}")
    return action


def _insured(payment: PaymentRecord) -> Insured:
    return Insured(payment.order.patient_id, insured_name(payment))


def _closed(case: CaseRecord) -> PaymentError:
    return PaymentError(ErrorCode.ACTION_REFUSED, f"该核查已结束: {case.outcome}")
