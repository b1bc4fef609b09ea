"""6203, for a reversal and for a refund: believed only as far as it may be (protocol 3.1, 3.2)."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import TypeVar

from temporalio import activity

from activities.call_log import Change, Questions, ask, now, send
from activities.contract import (
    AskOrder,
    InsuranceActivities,
    OrderAnswer,
    PlaceOrder,
    Reverse,
    Reversed,
    Revoked,
    RevokeOrder,
    Step,
    UploadFees,
)
from activities.records import end_facts
from activities.reporting import is_first_attempt, refusal, reports
from domain.base import PaymentKey
from domain.errors import UPLOAD_ORPHANED, ErrorCode, PaymentError, Refused, Unknown
from domain.fen import Fen
from domain.ids import business_serial, charge_batch_no, reversal_no, review_refund_no
from domain.insurance import (
    OrderReference,
    OrderStatus,
    PlacedOrder,
    PreSettlement,
    RefundAnswer,
    RefundStatus,
    RefundType,
    Split,
    UploadedFees,
    paid_parts,
    same_amounts,
    settlement_of,
)
from domain.ord_stas import REVOCABLE, OrderVerdict, OrdStas, money_is_back, verdict
from domain.states import PaymentState
from gateways.insurance.port import InsuranceCentre, OrderPlacement, RefundRequest
from storage.records import PaymentFacts
from storage.session import Database, Unit


async def refunded(centre: InsuranceCentre, request: RefundRequest) -> RefundAnswer:
    """The answer of a refund that was made. EXP and an unsigned refusal are `Unknown`, FAIL is `Refused`."""
    try:
        answer = await centre.refund(request)
    except Refused as refused:
        if refused.confirmed:
            raise
        raise Unknown(refused.transaction, refused.message) from refused
    if answer.status is RefundStatus.EXP:
        raise Unknown("6203", "refStatus EXP")
    if answer.status is RefundStatus.FAIL:
        raise Refused("6203", "医保中心退费失败 (refStatus FAIL)")
    return answer


R = TypeVar("R")


class CentreActivities(InsuranceActivities):
    """Talks to the centre of the payment's hospital."""

    def __init__(self, database: Database, centres: Mapping[str, InsuranceCentre]) -> None:
        self._database = database
        self._centres = centres

    @activity.defn(name="insurance_6201_upload_fees")
    @reports(ErrorCode.INSURANCE_REFUSED)
    async def upload_fees(self, step: UploadFees) -> UploadedFees:
        repeated = not is_first_attempt() and await self._may_have_arrived(step, "6201")

        async def upload(chrg_bchno: str) -> UploadedFees:
            return await self._centres[step.hospital].upload_fees(step.order, step.bill, chrg_bchno)

        async def record(unit: Unit, uploaded: UploadedFees) -> UploadedFees:
            patient = step.bill.patient
            facts = PaymentFacts(
                pay_ord_id=uploaded.pay_ord_id,
                pay_token=uploaded.pay_token,
                patient_type_id=patient.patient_type_id,
                ipt_otp_no=patient.ipt_otp_no,
                si_personal_no=patient.psn_no,
                insured_name=patient.name,
            )
            await unit.payments.record(step, step.revision, now(), state=PaymentState.FEE_UPLOADED, facts=facts)
            return uploaded

        try:
            return await send(self._database, Change(step, "6201", charge_batch_no(step.med_org_ord)), upload, record)
        except Refused as refused:
            if not repeated:
                raise
            # The reply of an earlier 6201 was lost and this centre refuses repeats: its payOrdId can't be had.
            message = "医保中心未返回订单号, 未发生扣款, 请重新下单"
            raise refusal(ErrorCode.INSURANCE_UNAVAILABLE, message, UPLOAD_ORPHANED) from refused

    @activity.defn(name="insurance_6202_place_order")
    @reports(ErrorCode.INSURANCE_REFUSED)
    async def place_order(self, step: PlaceOrder) -> PreSettlement:
        async def record(unit: Unit, placed: PlacedOrder) -> PreSettlement | None:
            return await _record_placed(unit, step, placed)

        if not is_first_attempt() and (placed := await self._placed_before(step)):
            async with self._database.begin() as unit:
                return _consistent(await record(unit, placed))

        async def place(org_biz_ser: str) -> PlacedOrder:
            placement = OrderPlacement(
                pay_auth_no=step.pay_auth_no,
                org_biz_ser=org_biz_ser,
                chrg_bchno=charge_batch_no(step.med_org_ord),
                uploaded=step.uploaded,
            )
            return await self._centres[step.hospital].place_order(placement)

        change = Change(step, "6202", partial(business_serial, step.med_org_ord))
        return _consistent(await send(self._database, change, place, record))

    @activity.defn(name="insurance_6301_ask_order")
    @reports(ErrorCode.INSURANCE_REFUSED)
    async def ask_order(self, step: AskOrder) -> OrderAnswer:
        async def record(unit: Unit, status: OrderStatus) -> OrderAnswer:
            if verdict(status.ord_stas) is not OrderVerdict.PAID:
                return OrderAnswer(status=status)
            split = step.split or status.split
            if split is None:
                return OrderAnswer(status=status, consistent=False)
            seen_at = now()
            settlement = settlement_of(status, split, step.accepted_at, seen_at, step.reversal_window_s)
            consistent = step.split is not None and same_amounts(status, step.split)
            if step.record != "nothing":
                state = PaymentState.PAID if consistent and step.record == "paid" else None
                facts = PaymentFacts(settlement=settlement)
                await unit.payments.record(step, step.revision, seen_at, state=state, facts=facts)
            return OrderAnswer(status=status, settlement=settlement, consistent=consistent)

        return await self._query(step, step.reference, record)

    @activity.defn(name="insurance_6401_revoke_order")
    @reports(ErrorCode.INSURANCE_REFUSED)
    async def revoke_order(self, step: RevokeOrder) -> Revoked:
        if not is_first_attempt():
            status = await self._query(step, step.reference, _as_it_is)
            if status.ord_stas not in REVOCABLE:
                return await self._record_revoked(step, status.ord_stas)
        centre = self._centres[step.hospital]

        async def revoke(_: str) -> None:
            await centre.revoke_order(step.reference)

        async def record(unit: Unit, _: None) -> Revoked:
            return await _record_revoked(unit, step)

        try:
            return await send(self._database, Change(step, "6401"), revoke, record)
        except Refused:
            # Why it was refused is in the order's status: paid, being paid, or revoked already.
            status = await self._query(step, step.reference, _as_it_is)
            return await self._record_revoked(step, status.ord_stas)

    @activity.defn(name="insurance_6203_reverse")
    @reports(ErrorCode.INSURANCE_REFUSED)
    async def reverse(self, step: Reverse) -> Reversed:
        if not is_first_attempt() and await self._went_back(step):
            async with self._database.begin() as unit:
                return await _record_reversed(unit, step, RefundAnswer(status=RefundStatus.SUCC))
        async with self._database.begin() as unit:
            await unit.payments.record(step, step.revision, now(), state=PaymentState.REVERSING)

        async def refund(app_refd_sn: str) -> RefundAnswer:
            return await refunded(self._centres[step.hospital], _reversal(step, app_refd_sn))

        async def record(unit: Unit, answer: RefundAnswer) -> Reversed:
            return await _record_reversed(unit, step, answer)

        try:
            return await send(self._database, Change(step, "6203", _refund_no(step)), refund, record)
        except Refused:
            if not await self._went_back(step):
                raise
        async with self._database.begin() as unit:
            return await _record_reversed(unit, step, RefundAnswer(status=RefundStatus.SUCC))

    async def _query(
        self, step: Step, reference: OrderReference, record: Callable[[Unit, OrderStatus], Awaitable[R]]
    ) -> R:
        """6301, written down."""
        questions = Questions()
        answer = questions.ask("6301", self._centres[step.hospital].query_order(reference))
        return await ask(self._database, step, questions, answer, record)

    async def _may_have_arrived(self, key: PaymentKey, transaction: str) -> bool:
        async with self._database.read() as unit:
            return await unit.calls.first_begun_at(key, transaction) is not None

    async def _placed_before(self, step: PlaceOrder) -> PlacedOrder | None:
        """What an earlier 6202 left at the centre, if it arrived and 6301 tells the split."""
        if not await self._may_have_arrived(step, "6202"):
            return None
        status = await self._query(step, step.reference, _as_it_is)
        if status.ord_stas != OrdStas.PRE_SETTLED or status.split is None:
            return None
        return PlacedOrder(
            pay_ord_id=status.pay_ord_id,
            ord_stas=status.ord_stas,
            split=status.split,
            balance_fen=status.balance_fen,
        )

    async def _went_back(self, step: Reverse) -> bool:
        status = await self._query(step, step.reference, _as_it_is)
        return money_is_back(status.ord_stas, paid_parts(_sent_back(step)))

    async def _record_revoked(self, step: RevokeOrder, ord_stas: int) -> Revoked:
        if ord_stas != OrdStas.REVOKED:
            return Revoked(ord_stas=ord_stas)
        async with self._database.begin() as unit:
            return await _record_revoked(unit, step)


async def _as_it_is(_: Unit, status: OrderStatus) -> OrderStatus:
    return status


async def _record_placed(unit: Unit, step: PlaceOrder, placed: PlacedOrder) -> PreSettlement | None:
    """PRE_SETTLED. None, and no state, where the parts don't make the whole (product rule 11)."""
    if not placed.split.adds_up_to(step.total_fen):
        return None
    placed_at = now()
    pre_settlement = PreSettlement(
        pay_ord_id=placed.pay_ord_id,
        split=placed.split,
        balance_fen=placed.balance_fen,
        window_ends_at=placed_at + timedelta(seconds=step.payment_window_s),
    )
    facts = PaymentFacts(
        split=placed.split, balance_fen=placed.balance_fen, window_ends_at=pre_settlement.window_ends_at
    )
    await unit.payments.record(step, step.revision, placed_at, state=PaymentState.PRE_SETTLED, facts=facts)
    return pre_settlement


def _consistent(pre_settlement: PreSettlement | None) -> PreSettlement:
    if pre_settlement is None:
        raise PaymentError(ErrorCode.AMOUNT_INCONSISTENT, "医保中心返回的各部分金额之和与总金额(TOTAL)不符, 未发生扣款")
    return pre_settlement


async def _record_revoked(unit: Unit, step: RevokeOrder) -> Revoked:
    await unit.payments.record(step, step.revision, now(), state=step.end.state, facts=end_facts(step.end))
    return Revoked(ord_stas=OrdStas.REVOKED)


async def _record_reversed(unit: Unit, step: Reverse, answer: RefundAnswer) -> Reversed:
    await unit.payments.record(step, step.revision, now(), state=step.end.state, facts=end_facts(step.end))
    return Reversed(refd_sn=answer.refd_sn)


def _refund_no(step: Reverse) -> str:
    return review_refund_no(step.med_org_ord) if step.pay_auth_no else reversal_no(step.med_org_ord)


def _sent_back(step: Reverse) -> Split:
    """What the reversal asks for: all of it, or the insurance's parts alone."""
    parts = step.settlement.split
    if step.refund_type is not RefundType.HI:
        return parts
    return Split(
        fee_sum_fen=Fen(parts.psn_acct_fen + parts.fund_fen),
        own_pay_fen=Fen(0),
        psn_acct_fen=parts.psn_acct_fen,
        fund_fen=parts.fund_fen,
    )


def _reversal(step: Reverse, app_refd_sn: str) -> RefundRequest:
    """6203 with revsToken, or with payAuthNo. HI leaves the cash part to the channel (product rule 10)."""
    parts = _sent_back(step)
    return RefundRequest(
        pay_ord_id=step.reference.pay_ord_id,
        app_refd_sn=app_refd_sn,
        requested_at=now(),
        refund_type=step.refund_type,
        parts=parts,
        total_fen=parts.fee_sum_fen,
        revs_token="" if step.pay_auth_no else step.settlement.revs_token,
        pay_auth_no=step.pay_auth_no,
        reason="人工核查退费" if step.pay_auth_no else "医院入账失败",
    )
