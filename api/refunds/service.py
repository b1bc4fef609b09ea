"""Valid calls about refunds, answered from our rows where they suffice, else by the workflow (product rules 1, 16)."""

import structlog

from activities.in_flight import InFlight
from api.payments.path import unknown_order, unknown_refund
from api.refunds.workflows import RefundWorkflows
from api.reviews.service import PROPOSAL_BROKEN_OFF, ProposalWish
from api.temporal import Life, WorkflowClosedError, fingerprint_of
from api.web.errors import ApiError
from domain.base import PaymentKey
from domain.errors import ErrorCode, PaymentError
from domain.ids import payment_workflow_id, refund_workflow_id
from domain.orders import PaymentTerms
from domain.refunds import RefundOrder, RefundStart, check_refundable, check_same_refund, parts_to_refund
from domain.reviews import Decision, ReviewAction
from domain.states import REFUND_DONE, RefundState
from security.crypto.keyring import Keyring
from storage.records import PaymentRecord, RefundRecord
from storage.session import Database

logger = structlog.get_logger(__name__)

_AGAIN = "请稍后用同一退款单号(refundNo)重试"
_STILL_OPEN = f"退费处理中, {_AGAIN}"
_OWN_WORDS = {
    ErrorCode.PROCESSING: _STILL_OPEN,
    ErrorCode.RATE_LIMITED: f"支付服务繁忙, {_AGAIN}",
    ErrorCode.UNAVAILABLE: f"支付服务暂不可用, {_AGAIN}",
}
"""What calls about payments are told by their medOrgOrd, refunds are told by their refundNo."""

_UNEXPLAINED = "该退款需要人工核查, 请联系医院"


class RefundsService:
    """Every method raises `PaymentError`. A call refused before its workflow starts does not use up its refundNo."""

    def __init__(self, database: Database, workflows: RefundWorkflows, keyring: Keyring) -> None:
        self._database = database
        self._workflows = workflows
        self._keyring = keyring
        self._refunding = InFlight[RefundRecord]()

    async def refund(self, order: RefundOrder, terms: PaymentTerms) -> RefundRecord:
        """Refund, or answer a refund already made. Identical concurrent calls share one answer."""
        fingerprint = fingerprint_of(order, self._keyring)
        key = (order.workflow_id, fingerprint)
        return await self._refunding.join(key, lambda: self._refund(order, terms, fingerprint))

    async def propose(self, order: RefundOrder, terms: PaymentTerms) -> RefundRecord | Decision:
        """Propose an operator's refund to a second person, or answer the refund that was made of it meanwhile."""
        payment, known = await self._find(order, order.refund_no)
        if known is not None:
            return await self._approved(order)
        await self._check_new(order, terms, payment)
        async with self._database.read() as unit:
            now = await unit.now()
        wish = ProposalWish(order.requested_by, ReviewAction.REFUND, order.reason, order.pay_auth_no)
        proposal = wish.command(now).model_copy(update={"refund": order.wanted})
        start = RefundStart(order=order, terms=terms, proposed=True)
        try:
            return await self._workflows.propose_refund(order, start, proposal)
        except WorkflowClosedError:
            if (await self._find(order, order.refund_no))[1] is None:
                raise PaymentError(ErrorCode.NOT_REFUNDABLE, PROPOSAL_BROKEN_OFF) from None
            return await self._approved(order)
        except PaymentError as error:
            if (await self._find(order, order.refund_no))[1] is not None:
                return await self._approved(order)
            raise await self._told(error, order) from None

    async def look(self, key: PaymentKey, refund_no: str) -> RefundRecord | RefundState:
        """A refund in whatever state; only its state if it runs but has no row yet. Raises UNKNOWN_ORDER with 404."""
        _, known = await self._find(key, refund_no)
        if known is not None:
            return known
        if await self._workflows.life(refund_workflow_id(key, refund_no)) is not Life.RUNNING:
            raise unknown_refund()
        async with self._database.read() as unit:
            case = await unit.reviews.find(key, refund_no)
        return RefundState.PROPOSED if case is not None and case.closed_at is None else RefundState.REFUNDING

    async def _approved(self, order: RefundOrder) -> RefundRecord:
        """The refund that was approved meanwhile, by its row. Raises PROCESSING, or why it was not made."""
        recorded = await self._decided(order)
        if recorded is None:
            raise PaymentError(ErrorCode.PROCESSING, _STILL_OPEN)
        return recorded

    async def _refund(self, order: RefundOrder, terms: PaymentTerms, fingerprint: str) -> RefundRecord:
        payment, known = await self._find(order, order.refund_no)
        if known is not None:
            check_same_refund(order, known.refund_type, known.parts.own_pay_fen)
            if (recorded := _recorded(known)) is not None:
                return recorded
        else:
            await self._check_new(order, terms, payment)
        try:
            await self._workflows.refund(RefundStart(order=order, terms=terms), fingerprint)
        except WorkflowClosedError:
            logger.info("refund_closed", workflow_id=order.workflow_id)
        except PaymentError as error:
            # The first answer to an update id is repeated for ever: a review may have decided otherwise since.
            if (recorded := await self._decided(order)) is not None:
                return recorded
            raise await self._told(error, order) from None
        return await self._made(order)

    async def _told(self, error: PaymentError, order: RefundOrder) -> PaymentError:
        """`error` in words about a refund; PROCESSING where Temporal can't be reached, and our row says it goes on."""
        code = error.code
        if code is ErrorCode.UNAVAILABLE and (await self._find(order, order.refund_no))[1] is not None:
            code = ErrorCode.PROCESSING
        return PaymentError(code, _OWN_WORDS[code]) if code in _OWN_WORDS else error

    async def _check_new(self, order: RefundOrder, terms: PaymentTerms, payment: PaymentRecord | None) -> None:
        """Refuse what can't be refunded before a workflow starts and uses up the refundNo."""
        if payment is None:
            raise await self._without_row(order)
        check_refundable(payment.state)
        if payment.refunding:
            # What may still be refunded is known only once the refund in progress has ended.
            _, under_way = await self._find(order, payment.refunding)
            _check_may_wait(under_way)
            return
        parts_to_refund(order, payment.paid, payment.refunded, terms.cash_refunded_by)

    async def _made(self, order: RefundOrder) -> RefundRecord:
        """The refund's row, which its workflow writes before it answers. Raises why it was not made."""
        recorded = await self._decided(order)
        if recorded is None:
            # The workflow has closed although our row says that it is running: someone terminated it in Temporal.
            logger.error("refund_broken_off", workflow_id=order.workflow_id)
            raise PaymentError(ErrorCode.IN_REVIEW, "该退款的处理被中断, 需要人工核查, 请联系医院")
        return recorded

    async def _decided(self, order: RefundOrder) -> RefundRecord | None:
        """As `_recorded`, of the refund that the row is about now."""
        _, known = await self._find(order, order.refund_no)
        if known is None:
            return None
        check_same_refund(order, known.refund_type, known.parts.own_pay_fen)
        return _recorded(known)

    async def _without_row(self, order: RefundOrder) -> PaymentError:
        if await self._workflows.life(payment_workflow_id(order.hospital, order.med_org_ord)) is Life.RUNNING:
            return PaymentError(ErrorCode.NOT_REFUNDABLE, "该订单正在下单, 不能退费")
        return unknown_order()

    async def _find(self, key: PaymentKey, refund_no: str) -> tuple[PaymentRecord | None, RefundRecord | None]:
        async with self._database.read() as unit:
            return await unit.payments.find(key), await unit.refunds.find(key, refund_no)


def _check_may_wait(under_way: RefundRecord | None) -> None:
    """Raise `PaymentError` REFUND_CONFLICT if the other refund is under review, which may take days."""
    if under_way is not None and under_way.state is RefundState.IN_REVIEW:
        message = f"该订单另一笔退款(refundNo {under_way.refund_no})正在人工核查, 请待其结束后再退"
        raise PaymentError(ErrorCode.REFUND_CONFLICT, message)


def _recorded(known: RefundRecord) -> RefundRecord | None:
    """The refund if it was made; None while it is in progress. Raises `PaymentError`: why it failed, or IN_REVIEW."""
    if known.state in REFUND_DONE:
        return known
    if known.state is RefundState.REFUNDING:
        return None
    raise ApiError(known.error_code or ErrorCode.IN_REVIEW, known.error_message or _UNEXPLAINED)
