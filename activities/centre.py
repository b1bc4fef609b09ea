"""Calls to the insurance centre: 6201, 6202, 6301, 6401, and the reversal by 6203 (protocol 3)."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial

from activities.call_log import CallLog, now
from activities.contract import (
    AskOrder,
    CentreActivities,
    OrderAnswer,
    PlaceOrder,
    Recorded,
    Reverse,
    Reversed,
    Revoked,
    RevokeOrder,
    Step,
    UploadFees,
)
from activities.records import write_end
from activities.reporting import is_first_attempt, refusal
from domain.errors import UPLOAD_ORPHANED, ErrorCode, PaymentError, Refused, Transaction, Unknown
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
from storage.session import Unit


class Centre(CentreActivities):
    """`centres`: by hospital."""

    def __init__(self, call_log: CallLog, centres: Mapping[str, InsuranceCentre]) -> None:
        self._call_log = call_log
        self._database = call_log.database
        self._centres = centres

    async def upload_fees(self, step: UploadFees) -> UploadedFees:
        repeated = not is_first_attempt() and await self._may_have_arrived(step, Transaction.UPLOAD_FEES)
        our_ref = charge_batch_no(step.med_org_ord)
        try:
            async with self._call_log.leaving(step, Transaction.UPLOAD_FEES, our_ref) as call:
                uploaded = await self._centres[step.hospital].upload_fees(step.order, step.bill, call.our_ref)
                async with call.done() as unit:
                    facts = _uploaded_facts(step, uploaded)
                    await unit.payments.record(step, step.revision, now(), state=PaymentState.FEE_UPLOADED, facts=facts)
        except Refused as refused:
            if not repeated:
                raise
            # The answer to an earlier 6201 was lost, and this centre refuses repeats: its payOrdId is lost too.
            message = "医保中心未返回订单号, 未发生扣款, 请重新下单"
            raise refusal(ErrorCode.INSURANCE_UNAVAILABLE, message, UPLOAD_ORPHANED) from refused
        return uploaded

    async def place_order(self, step: PlaceOrder) -> PreSettlement:
        if not is_first_attempt() and (placed := await self._placed_before(step)):
            async with self._database.begin() as unit:
                pre_settlement = await _record_placed(unit, step, placed)
            return _checked(pre_settlement)
        our_ref = partial(business_serial, step.med_org_ord)
        async with self._call_log.leaving(step, Transaction.PLACE_ORDER, our_ref) as call:
            placement = OrderPlacement(
                pay_auth_no=step.pay_auth_no,
                org_biz_ser=call.our_ref,
                chrg_bchno=charge_batch_no(step.med_org_ord),
                uploaded=step.uploaded,
            )
            placed = await self._centres[step.hospital].place_order(placement)
            async with call.done() as unit:
                pre_settlement = await _record_placed(unit, step, placed)
        return _checked(pre_settlement)

    async def ask_order(self, step: AskOrder) -> OrderAnswer:
        async with self._call_log.asking(step) as questions:
            query = self._centres[step.hospital].query_order(step.reference)
            status = await questions.ask(Transaction.QUERY_ORDER, query)
            if verdict(status.ord_stas) is not OrderVerdict.PAID:
                return OrderAnswer(status=status)
            split = step.split or status.split
            if split is None:
                return OrderAnswer(status=status, consistent=False)
            seen_at = now()
            settlement = settlement_of(status, split, step.accepted_at, seen_at, step.reversal_window_s)
            consistent = step.split is not None and same_amounts(status, step.split)
            if step.record is not Recorded.NOTHING:
                state = PaymentState.PAID if consistent and step.record is Recorded.PAID else None
                facts = PaymentFacts(settlement=settlement)
                async with questions.done() as unit:
                    await unit.payments.record(step, step.revision, seen_at, state=state, facts=facts, by_question=True)
        return OrderAnswer(status=status, settlement=settlement, consistent=consistent)

    async def revoke_order(self, step: RevokeOrder) -> Revoked:
        if not is_first_attempt():
            ord_stas = await self._ord_stas(step)
            if ord_stas not in REVOCABLE:
                return await self._found_revoked(step, ord_stas)
        try:
            async with self._call_log.leaving(step, Transaction.REVOKE_ORDER) as call:
                await self._centres[step.hospital].revoke_order(step.reference)
                async with call.done() as unit:
                    await write_end(unit, step, step.end)
        except Refused:
            # The order's status says why: paid, being paid, or revoked already.
            return await self._found_revoked(step, await self._ord_stas(step))
        return Revoked(ord_stas=OrdStas.REVOKED)

    async def reverse(self, step: Reverse) -> Reversed:
        if not is_first_attempt() and await self._went_back(step):
            return await self._found_reversed(step)
        async with self._database.begin() as unit:
            await unit.payments.record(step, step.revision, now(), state=PaymentState.REVERSING)
        try:
            async with self._call_log.leaving(step, Transaction.REFUND, _refund_no(step)) as call:
                answer = await send_refund(self._centres[step.hospital], _reversal(step, call.our_ref))
                async with call.done() as unit:
                    await write_end(unit, step, step.end)
        except Refused:
            if not await self._went_back(step):
                raise
            return await self._found_reversed(step)
        return Reversed(refd_sn=answer.refd_sn)

    async def _query(self, step: Step, reference: OrderReference) -> OrderStatus:
        """6301, logged."""
        async with self._call_log.asking(step) as questions:
            return await questions.ask(Transaction.QUERY_ORDER, self._centres[step.hospital].query_order(reference))

    async def _may_have_arrived(self, step: Step, transaction: Transaction) -> bool:
        return await self._call_log.last_left_at(step, transaction) is not None

    async def _placed_before(self, step: PlaceOrder) -> PlacedOrder | None:
        """The result of an earlier 6202, if it arrived and 6301 returns the split."""
        if not await self._may_have_arrived(step, Transaction.PLACE_ORDER):
            return None
        status = await self._query(step, step.reference)
        if status.ord_stas != OrdStas.PRE_SETTLED or status.split is None:
            return None
        return PlacedOrder(
            pay_ord_id=status.pay_ord_id,
            ord_stas=status.ord_stas,
            split=status.split,
            balance_fen=status.balance_fen,
        )

    async def _went_back(self, step: Reverse) -> bool:
        return money_is_back(await self._ord_stas(step), paid_parts(_sent_back(step)))

    async def _ord_stas(self, step: RevokeOrder | Reverse) -> int:
        return (await self._query(step, step.reference)).ord_stas

    async def _found_revoked(self, step: RevokeOrder, ord_stas: int) -> Revoked:
        """Report 6301's `ord_stas`, and record the end if the order is revoked."""
        if ord_stas == OrdStas.REVOKED:
            async with self._database.begin() as unit:
                await write_end(unit, step, step.end)
        return Revoked(ord_stas=ord_stas)

    async def _found_reversed(self, step: Reverse) -> Reversed:
        """6301 alone says that the money went back."""
        async with self._database.begin() as unit:
            await write_end(unit, step, step.end)
        return Reversed(refd_sn="")


def _uploaded_facts(step: UploadFees, uploaded: UploadedFees) -> PaymentFacts:
    patient = step.bill.patient
    return PaymentFacts(
        pay_ord_id=uploaded.pay_ord_id,
        pay_token=uploaded.pay_token,
        patient_type_id=patient.patient_type_id,
        ipt_otp_no=patient.ipt_otp_no,
        si_personal_no=patient.psn_no,
        insured_name=patient.name,
    )


async def send_refund(centre: InsuranceCentre, request: RefundRequest) -> RefundAnswer:
    """6203. Raises `Refused` for refStatus FAIL, and `Unknown` for EXP and for an unsigned refusal."""
    try:
        answer = await centre.refund(request)
    except Refused as refused:
        if refused.confirmed:
            raise
        raise Unknown(refused.transaction, refused.message) from refused
    if answer.status is RefundStatus.EXP:
        raise Unknown(Transaction.REFUND, "refStatus EXP")
    if answer.status is RefundStatus.FAIL:
        raise Refused(Transaction.REFUND, "医保中心退费失败 (refStatus FAIL)")
    return answer


async def _record_placed(unit: Unit, step: PlaceOrder, placed: PlacedOrder) -> PreSettlement | None:
    """Record PRE_SETTLED. None, and no new state, if the parts do not add up (product rule 11)."""
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


def _checked(pre_settlement: PreSettlement | None) -> PreSettlement:
    if pre_settlement is None:
        raise PaymentError(ErrorCode.AMOUNT_INCONSISTENT, "医保中心返回的各部分金额之和与总金额(TOTAL)不符, 未发生扣款")
    return pre_settlement


def _refund_no(step: Reverse) -> str:
    return review_refund_no(step.med_org_ord) if step.pay_auth_no else reversal_no(step.med_org_ord)


def _sent_back(step: Reverse) -> Split:
    """What the reversal sends back: everything, or only the insurance's parts (product rule 10)."""
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
    """6203 with revsToken, or with payAuthNo after a review. HI leaves the cash to the channel (product rule 10)."""
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
