"""Refunds of settled payments: reservation, 6203, 6301, records (product rule 16)."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from temporalio.exceptions import ApplicationError

from activities.call_log import CallLog
from activities.centre import NUMBER_SENDS_MAX, send_refund
from activities.contract.refunds import (
    AskRefund,
    CheckRefunds,
    EndProposal,
    EndRefund,
    ProposeRefund,
    RefundActivities,
    RefundMade,
    RefundMoney,
    RefundsSeen,
    RefundStep,
    ReserveRefund,
)
from activities.reporting import refusal
from activities.step_log import Decision
from domain.attention import ATTENTION, AttentionReason
from domain.base import PaymentKey
from domain.errors import ErrorCode, NotSent, Outcome, PaymentError, Refused, RemoteCallError, Transaction, Unknown
from domain.ids import refund_sn
from domain.insurance import OrderReference, RefundParts, Split
from domain.ord_stas import RefundLook, RefundVerdict, is_back_past_us, refund_verdict
from domain.refunds import RefundEnd, RefundOrder, Reserved, check_refundable, parts_to_refund
from domain.states import REFUND_TERMINAL, RefundState
from domain.values.fen import Fen, yuan
from gateways.insurance.port import InsuranceCentre, RefundRequest
from storage.records import CaseOpening, EarlierCall, PaymentRecord, RefundRecord
from storage.session import Unit

PAUSE = timedelta(seconds=2)
"""Between two 6203 of a refund at least: the centre gets time to find out what it did."""

_NO_ORDER = "没有这个医院订单号(medOrgOrd)的订单"
_ELSEWHERE = "本次未退费: 医保中心显示该订单已有款项在本系统之外退回(ordStas {ord_stas}), 请与医院核对"


class Refunds(RefundActivities):
    """`centres`: by hospital."""

    def __init__(self, call_log: CallLog, centres: Mapping[str, InsuranceCentre]) -> None:
        self.keeper = self._steps = call_log.steps
        self._call_log = call_log
        self._database = call_log.database
        self._centres = centres

    async def propose(self, step: ProposeRefund) -> bool:
        async with self._refused_is_recorded(step.order), self._database.begin() as unit:
            return await _propose(unit, step)

    async def end_proposal(self, step: EndProposal) -> None:
        order = step.order
        state = RefundState.REFUND_FAILED if step.message else RefundState.REFUNDING
        async with self._database.begin() as unit:
            at = await unit.now()
            await unit.reviews.closed(order, order.refund_no, state.value, at)
            if step.message:
                await unit.refunds.refuse(order, PaymentError(ErrorCode.EXPIRED, step.message), at)

    async def reserve(self, step: ReserveRefund) -> Reserved | None:
        async with self._refused_is_recorded(step.order), self._database.begin() as unit:
            return await _reserve(unit, step)

    @asynccontextmanager
    async def _refused_is_recorded(self, order: RefundOrder) -> AsyncIterator[None]:
        """A refusal uses the refundNo up: from now on its row answers."""
        try:
            yield
        except PaymentError as error:
            if error.code is not ErrorCode.UNKNOWN_ORDER:
                async with self._database.begin() as unit:
                    await unit.refunds.refuse(order, error, await unit.now())
            raise

    async def refund(self, step: RefundMoney) -> RefundMade:
        """If anything was sent before, by whichever attempt, 6301 comes before 6203 is sent again."""
        async with self._database.read() as unit:
            known = await unit.refunds.find(step, step.refund_no)
            sent = await unit.calls.count_sent(step, Transaction.REFUND, step.refund_no)
            earlier = await unit.calls.unresolved(step, Transaction.REFUND, step.refund_no)
            at = await unit.now()
        if known is not None and known.state in REFUND_TERMINAL:
            return _made_before(known)
        if sent > 0:
            if (await self._look_before_repeat(step)).verdict is RefundVerdict.DONE:
                return await self._numbered(step, sent)
            self._check_repeat(step, sent, earlier, at)
        try:
            return await self._send(step, step)
        except NotSent as error:
            if sent > 0:
                raise Unknown(Transaction.REFUND, f"earlier call unresolved: {error.message}") from error
            raise
        except Refused:
            if earlier is not None and await self._made_before_refusal(step, earlier.begun_at):
                return await self._made(step)
            await self._check_elsewhere(step)
            raise

    async def ask_refund(self, step: AskRefund) -> RefundLook:
        return await self._look(step)

    async def check_refunds(self, step: CheckRefunds) -> RefundsSeen:
        async with self._call_log.asking(step) as questions:
            query = self._centres[step.hospital].query_order(step.reference)
            ord_stas = (await questions.ask(Transaction.QUERY_ORDER, query)).ord_stas
            async with questions.done() as answered:
                payment = await answered.unit.payments.find(step)
                # What a refund in progress does is not known yet.
                elsewhere = (
                    payment is not None
                    and not payment.refunding
                    and is_back_past_us(ord_stas, payment.paid, payment.refunded)
                )
                if elsewhere:
                    await answered.unit.payments.remark(step, AttentionReason.REFUNDED_ELSEWHERE, answered.at)
        return RefundsSeen(ord_stas=ord_stas, elsewhere=elsewhere)

    async def end_refund(self, step: EndRefund) -> None:
        async with self._database.begin() as unit:
            await _end(Decision(unit, await unit.now()), step, step.end)

    async def _send(self, step: RefundMoney, of: PaymentKey) -> RefundMade:
        """One 6203, logged by refundNo: appRefdSn, which contains it, is too long for the column.

        `of`: the step, which is not sent again once it was refused; or only its payment.
        """
        async with self._call_log.leaving(of, Transaction.REFUND, step.refund_no) as call:
            request = _request(step, refund_sn(step.med_org_ord, step.refund_no), call.left_at)
            answer = await send_refund(self._centres[step.hospital], request)
            async with call.done() as done:
                end = RefundEnd(state=step.reserved.good_end)
                await _end(done, step, end, answer.refd_sn)
        return RefundMade(refd_sn=answer.refd_sn, state=step.reserved.good_end)

    async def _numbered(self, step: RefundMoney, sent: int) -> RefundMade:
        """The refund is made, but its refdSn was lost with the answer: the same appRefdSn again brings it.

        This makes no second refund, since the centre knows repeats by appRefdSn (protocol 3.2). If it refuses this one,
        somebody else may have given the money back.
        """
        payment = PaymentKey(hospital=step.hospital, med_org_ord=step.med_org_ord)
        for _ in range(min(NUMBER_SENDS_MAX, step.sends_max + NUMBER_SENDS_MAX - sent)):
            try:
                return await self._send(step, payment)
            except Refused:
                return await self._made(step, AttentionReason.REFUNDED_ELSEWHERE.value)
            except RemoteCallError:
                await asyncio.sleep(PAUSE.total_seconds())
        return await self._made(step)

    async def _made(self, step: RefundMoney, note: str = "") -> RefundMade:
        """Record the refund as made, as 6301 says, with a refdSn that nobody knows."""
        end = RefundEnd(state=step.reserved.good_end, note=note)
        async with self._database.begin() as unit:
            await _end(Decision(unit, await unit.now()), step, end)
        return RefundMade(refd_sn="", state=end.state, note=note)

    async def _check_elsewhere(self, step: RefundMoney) -> None:
        """6203 was refused: raise NOT_REFUNDABLE if money went back past us. Unless 6301 says so the refusal stands."""
        reserved = step.reserved
        try:
            look = await self._look(step)
        except RemoteCallError:
            return
        if is_back_past_us(look.ord_stas, reserved.paid, reserved.before):
            message = _ELSEWHERE.format(ord_stas=look.ord_stas)
            raise refusal(ErrorCode.NOT_REFUNDABLE, message, AttentionReason.REFUNDED_ELSEWHERE.value)

    def _check_repeat(self, step: RefundMoney, sent: int, earlier: EarlierCall | None, at: datetime) -> None:
        """Raise an unknown outcome unless 6203 may be sent again at `at`, now that 6301 does not say it was made."""
        if sent >= step.sends_max:
            raise _undecided()
        if earlier is None:
            return
        # A call whose end nobody recorded may be in progress elsewhere.
        lasts = timedelta(seconds=self._centres[step.hospital].timeout_s(Transaction.REFUND))
        due = earlier.begun_at + lasts if earlier.ended_at is None else earlier.ended_at + PAUSE
        if at < due:
            wait_s = (due - at).total_seconds()
            raise Unknown(Transaction.REFUND, "earlier call unresolved", retry_after_s=wait_s)

    async def _made_before_refusal(self, step: RefundMoney, earlier: datetime) -> bool:
        """Whether an earlier 6203 made the refund, now that a repeat was refused. Raises if that is not certain.

        The refusal is about the repeat: the call that left at `earlier` may still arrive.
        """
        look = await self._look_before_repeat(step)
        if look.verdict is RefundVerdict.UNCLEAR:
            raise _undecided()
        arrives_within = timedelta(seconds=2 * self._centres[step.hospital].timeout_s(Transaction.REFUND))
        async with self._database.read() as unit:
            at = await unit.now()
        if look.verdict is RefundVerdict.NOT_DONE and at < earlier + arrives_within:
            raise Unknown(Transaction.REFUND, "earlier call may still arrive")
        return look.verdict is RefundVerdict.DONE

    async def _look_before_repeat(self, step: RefundStep) -> RefundLook:
        """6301. If it fails in any way the refund is unknown: neither refused nor not sent."""
        try:
            return await self._look(step)
        except RemoteCallError as error:
            raise Unknown(Transaction.REFUND, f"earlier call unresolved: {error.message}") from error

    async def _look(self, step: RefundStep) -> RefundLook:
        reserved = step.reserved
        async with self._call_log.asking(step) as questions:
            query = self._centres[step.hospital].query_order(reserved.reference)
            ord_stas = (await questions.ask(Transaction.QUERY_ORDER, query)).ord_stas
        verdict = refund_verdict(ord_stas, reserved.paid, reserved.before, reserved.after)
        return RefundLook(ord_stas=ord_stas, verdict=verdict)


async def _propose(unit: Unit, step: ProposeRefund) -> bool:
    """Raises `PaymentError`. Nothing is reserved: the amount may be refunded otherwise before somebody approves."""
    order = step.order
    payment = await unit.payments.find(step)
    if payment is None:
        raise PaymentError(ErrorCode.UNKNOWN_ORDER, _NO_ORDER)
    if await unit.refunds.find(step, order.refund_no) is not None:
        return False
    check_refundable(payment.state)
    parts = parts_to_refund(order, payment.paid, payment.refunded, step.cash_refunded_by)
    reason = AttentionReason.REFUND_PROPOSED
    opening = CaseOpening(
        key=PaymentKey(hospital=order.hospital, med_org_ord=order.med_org_ord),
        refund_no=order.refund_no,
        workflow_id=order.workflow_id,
        reason=reason.value,
        message=f"{ATTENTION[reason].message}: {order.refund_type.value} {yuan(parts.total_fen)}元",
        at_risk_fen=Fen(0),
        opened_at=await unit.now(),
        deadline=step.expires_at,
    )
    await unit.reviews.opened(opening)
    return True


async def _reserve(unit: Unit, step: ReserveRefund) -> Reserved | None:
    """Raises `PaymentError`. A repeated step gets the answer of the first one."""
    payment = await unit.payments.find(step)
    if payment is None:
        raise PaymentError(ErrorCode.UNKNOWN_ORDER, _NO_ORDER)
    known = await unit.refunds.find(step, step.order.refund_no)
    if known is not None:
        return _reserved_before(payment, known)
    check_refundable(payment.state)
    if payment.refunding:
        await _check_worth_waiting(unit, step, payment.refunding)
        return None
    before = payment.refunded
    parts = parts_to_refund(step.order, payment.paid, before, step.cash_refunded_by)
    if not await unit.refunds.reserve(step.order, parts, before, await unit.now()):
        if step.last_try:
            raise PaymentError(
                ErrorCode.REFUND_CONFLICT, "该订单的可退金额正在变动, 请稍后用新的退款单号(refundNo)重试"
            )
        return None
    return _reserved(payment, parts, before)


async def _check_worth_waiting(unit: Unit, step: ReserveRefund, holder: str) -> None:
    """Raise `PaymentError` REFUND_CONFLICT unless it makes sense to wait for the refund under way."""
    under_way = await unit.refunds.find(step, holder)
    if under_way is not None and under_way.state is RefundState.IN_REVIEW:
        message = f"该订单另一笔退款(refundNo {holder})正在人工核查, 请待其结束后再退"
        raise PaymentError(ErrorCode.REFUND_CONFLICT, message)
    if step.last_try:
        message = f"该订单另一笔退款(refundNo {holder})仍在进行, 请稍后用新的退款单号(refundNo)重试"
        raise PaymentError(ErrorCode.REFUND_CONFLICT, message)


def _reserved_before(payment: PaymentRecord, known: RefundRecord) -> Reserved:
    """The earlier reservation of this refund. Raises why it failed."""
    if known.state is RefundState.REFUND_FAILED:
        raise _failure(known)
    return _reserved(payment, known.parts, payment.refunded.minus(known.parts))


def _reserved(payment: PaymentRecord, parts: RefundParts, before: RefundParts) -> Reserved:
    order = payment.order
    reference = OrderReference(
        pay_ord_id=payment.pay_ord_id or "",
        pay_token=payment.pay_token or "",
        id_no=order.id_no,
        user_name=payment.insured_name or order.patient_name or "",
    )
    return Reserved(
        reference=reference,
        paid=payment.paid,
        before=before,
        parts=parts,
        category=order.category,
        patient_id=order.patient_id,
    )


def _made_before(known: RefundRecord) -> RefundMade:
    """What an earlier run recorded. Raises why it failed: its amount is free for another refund."""
    if known.state is RefundState.REFUND_FAILED:
        raise _failure(known)
    return RefundMade(refd_sn=known.refd_sn, state=known.state, note=known.note)


def _failure(known: RefundRecord) -> ApplicationError:
    """The refusal with which the refund failed, as its workflow is told again."""
    return refusal(known.error_code or ErrorCode.NOT_REFUNDABLE, known.error_message, known.note)


async def _end(decision: Decision, step: RefundStep | EndRefund, end: RefundEnd, refd_sn: str = "") -> None:
    await decision.unit.refunds.end(step, step.refund_no, end, decision.at, refd_sn)
    if end.note == AttentionReason.REFUNDED_ELSEWHERE:
        await decision.unit.payments.remark(step, end.note, decision.at)


def _request(step: RefundMoney, app_refd_sn: str, at: datetime) -> RefundRequest:
    parts = step.reserved.parts
    split = Split(fee_sum_fen=parts.total_fen, **parts.model_dump())
    return RefundRequest(
        pay_ord_id=step.reserved.reference.pay_ord_id,
        app_refd_sn=app_refd_sn,
        requested_at=at,
        refund_type=step.refund_type,
        parts=split,
        total_fen=parts.total_fen,
        pay_auth_no=step.pay_auth_no,
        reason=step.reason,
    )


def _undecided() -> ApplicationError:
    """Unknown and not retried: 6203 may not be sent again, and the order's status does not tell the outcome."""
    return ApplicationError("the order's status does not tell", type=Outcome.UNKNOWN.value, non_retryable=True)
