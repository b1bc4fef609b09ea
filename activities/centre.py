"""Calls to the insurance centre: 6201, 6202, 6301, 6401, and the reversal by 6203 (protocol 3)."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from functools import partial

from activities.call_log import ANSWERED_PAUSE, CallLog, Repeat, nothing_to_ask
from activities.contract.base import Step
from activities.contract.centre import (
    AskOrder,
    CentreActivities,
    OrderAnswer,
    PlaceOrder,
    Recorded,
    Reverse,
    Reversed,
    Revoked,
    RevokeOrder,
    UploadFees,
)
from activities.contract.his import HisActivities, PricedBill
from activities.records import write_end
from activities.reporting import name_of, refusal
from activities.step_log import Decision, Finished, key_of_step, move
from domain.errors import UPLOAD_ORPHANED, ErrorCode, PaymentError, Refused, RemoteCallError, Transaction, Unknown
from domain.ids import business_serial, charge_batch_no, reversal_no, review_refund_no
from domain.insurance import (
    OrderReference,
    OrderStatus,
    PlacedOrder,
    PreSettlement,
    RefundAnswer,
    RefundStatus,
    RefundType,
    Settlement,
    Split,
    UploadedFees,
    paid_parts,
    same_amounts,
    settlement_of,
)
from domain.ord_stas import REVOCABLE, OrderVerdict, OrdStas, money_is_back, verdict
from domain.orders import gone_back_elsewhere
from domain.states import PaymentState
from domain.values.fen import Fen
from gateways.insurance.port import InsuranceCentre, OrderPlacement, RefundRequest
from storage.records import EarlierCall, PaymentFacts

NUMBER_SENDS_MAX = 2
"""How often 6203 is sent again for its refdSn alone, once 6301 says that the money is back."""


class Centre(CentreActivities):
    """`centres`: by hospital."""

    def __init__(self, call_log: CallLog, centres: Mapping[str, InsuranceCentre]) -> None:
        self.keeper = self._steps = call_log.steps
        self._call_log = call_log
        self._centres = centres

    async def upload_fees(self, step: UploadFees) -> UploadedFees:
        # Nobody can be asked about a 6201: it is repeated, or its order is lost.
        repeat = self._repeat(step, Transaction.UPLOAD_FEES, nothing_to_ask)
        our_ref = charge_batch_no(step.med_org_ord)
        try:
            async with self._call_log.leaving(step, Transaction.UPLOAD_FEES, our_ref, repeat) as call:
                uploaded = await self._centres[step.hospital].upload_fees(step.order, step.bill, call.our_ref)
                async with call.done(uploaded) as done:
                    await _own(done, step, uploaded)
                    facts = _uploaded_facts(step, uploaded)
                    await move(done, step, PaymentState.FEE_UPLOADED, facts, made=True)
                    await _forget_diagnoses(done, step)
        except Refused as refused:
            if not await self._call_log.may_have_arrived(step, Transaction.UPLOAD_FEES):
                raise
            # The answer to an earlier 6201 was lost, and this centre refuses repeats: its payOrdId is lost too.
            message = "医保中心未返回订单号, 未发生扣款, 请重新下单"
            raise refusal(ErrorCode.INSURANCE_UNAVAILABLE, message, UPLOAD_ORPHANED) from refused
        return uploaded

    async def place_order(self, step: PlaceOrder) -> PreSettlement:
        our_ref = partial(business_serial, step.med_org_ord)
        repeat = self._repeat(step, Transaction.PLACE_ORDER, partial(self._find_placed, step))
        async with self._call_log.leaving(step, Transaction.PLACE_ORDER, our_ref, repeat) as call:
            placement = OrderPlacement(
                pay_auth_no=step.pay_auth_no,
                org_biz_ser=call.our_ref,
                chrg_bchno=charge_batch_no(step.med_org_ord),
                uploaded=step.uploaded,
            )
            placed = await self._centres[step.hospital].place_order(placement)
            pre_settlement = _pre_settlement(step, placed, call.left_at)
            if pre_settlement is not None:
                async with call.done(pre_settlement) as done:
                    await _record_placed(done, step, pre_settlement)
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
            consistent = step.split is not None and same_amounts(status, step.split)
            async with questions.done() as paid:
                settlement = settlement_of(status, split, step.accepted_at, paid.at, step.reversal_window_s)
                await _record_settlement(paid, step, settlement, consistent=consistent)
        return OrderAnswer(status=status, settlement=settlement, consistent=consistent)

    async def revoke_order(self, step: RevokeOrder) -> Revoked:
        repeat = self._repeat(step, Transaction.REVOKE_ORDER, partial(self._find_not_revocable, step))
        revoked = Revoked(ord_stas=OrdStas.REVOKED)
        try:
            async with self._call_log.leaving(step, Transaction.REVOKE_ORDER, repeat=repeat) as call:
                await self._centres[step.hospital].revoke_order(step.reference)
                async with call.done(revoked) as done:
                    await write_end(done, step, step.end, made=True)
        except Refused:
            # The order's status says why: paid, being paid, or revoked already.
            return await self._found_revoked(step, await self._ord_stas(step))
        return revoked

    async def reverse(self, step: Reverse) -> Reversed:
        repeat = self._repeat(step, Transaction.REFUND, partial(self._find_back, step))
        try:
            return await self._send_back(step, repeat)
        except Refused:
            if not await self._went_back(step):
                raise
            elsewhere = not await self._call_log.may_have_arrived(step, Transaction.REFUND)
            return await self._found_reversed(step, elsewhere=elsewhere)

    async def _send_back(self, step: Reverse, repeat: Repeat | None) -> Reversed:
        """6203. Of earlier ones any counts, whichever number it carried."""
        our_ref = _refund_no(step)
        async with self._call_log.leaving(step, Transaction.REFUND, lambda _: our_ref, repeat) as call:
            request = _reversal(step, call.our_ref, call.left_at)
            back = Reversed(refd_sn=(await send_refund(self._centres[step.hospital], request)).refd_sn)
            async with call.done(back) as done:
                await write_end(done, step, step.end, made=True, reversal_sn=back.refd_sn)
        return back

    async def _query(self, step: Step, reference: OrderReference) -> OrderStatus:
        """6301, logged."""
        async with self._call_log.asking(step) as questions:
            return await questions.ask(Transaction.QUERY_ORDER, self._centres[step.hospital].query_order(reference))

    def _repeat(self, step: Step, transaction: Transaction, ask: Callable[[EarlierCall], Awaitable[None]]) -> Repeat:
        """The centre takes repeats; only a call that may be in progress elsewhere is waited for."""
        timeout_s = self._centres[step.hospital].timeout_s(transaction)
        return Repeat(ask, in_progress=timedelta(seconds=timeout_s), unanswered=timedelta(0))

    async def _find_placed(self, step: PlaceOrder, _: EarlierCall) -> None:
        """Raises `Finished` if an earlier 6202 arrived and 6301 returns the split."""
        status = await self._query(step, step.reference)
        if status.ord_stas != OrdStas.PRE_SETTLED or status.split is None:
            return
        placed = PlacedOrder(
            pay_ord_id=status.pay_ord_id,
            ord_stas=status.ord_stas,
            split=status.split,
            balance_fen=status.balance_fen,
        )
        async with self._steps.deciding(step) as decision:
            pre_settlement = _checked(_pre_settlement(step, placed, decision.at))
            await _record_placed(decision, step, pre_settlement)
            decision.result = pre_settlement.model_dump_json()
        raise Finished(decision.result)

    async def _find_not_revocable(self, step: RevokeOrder, _: EarlierCall) -> None:
        """Raises `Finished` if 6301 shows that 6401 was done, or would be refused."""
        ord_stas = await self._ord_stas(step)
        if ord_stas not in REVOCABLE:
            raise Finished((await self._found_revoked(step, ord_stas)).model_dump_json())

    async def _find_back(self, step: Reverse, _: EarlierCall) -> None:
        """Raises `Finished` if 6301 shows that the money went back."""
        if await self._went_back(step):
            raise Finished((await self._numbered(step)).model_dump_json())

    async def _numbered(self, step: Reverse) -> Reversed:
        """The money is back, but its refdSn was lost with the answer: the same appRefdSn again brings it.

        Nothing goes back twice, since the centre knows repeats by appRefdSn (protocol 3.2).
        """
        async with self._steps.database.read() as unit:
            sent = await unit.calls.count_sent(step, Transaction.REFUND, _refund_no(step))
        for _ in range(NUMBER_SENDS_MAX if sent else 0):
            try:
                return await self._send_back(step, None)
            except Refused:
                break
            except RemoteCallError:
                await asyncio.sleep(ANSWERED_PAUSE.total_seconds())
        return await self._found_reversed(step)

    async def _went_back(self, step: Reverse) -> bool:
        return money_is_back(await self._ord_stas(step), paid_parts(_sent_back(step)))

    async def _ord_stas(self, step: RevokeOrder | Reverse) -> int:
        return (await self._query(step, step.reference)).ord_stas

    async def _found_revoked(self, step: RevokeOrder, ord_stas: int) -> Revoked:
        """Keep 6301's `ord_stas` as the step's result, and record the end if the order is revoked."""
        revoked = Revoked(ord_stas=ord_stas)
        async with self._steps.deciding(step) as decision:
            if ord_stas == OrdStas.REVOKED:
                await write_end(decision, step, step.end, made=True)
            decision.result = revoked.model_dump_json()
        return revoked

    async def _found_reversed(self, step: Reverse, *, elsewhere: bool = False) -> Reversed:
        """6301 alone says that the money went back."""
        back = Reversed(refd_sn="", elsewhere=elsewhere)
        end = gone_back_elsewhere(step.end) if elsewhere else step.end
        async with self._steps.deciding(step) as decision:
            await write_end(decision, step, end, made=True)
            decision.result = back.model_dump_json()
        return back


async def _own(decision: Decision, step: UploadFees, uploaded: UploadedFees) -> None:
    """Raises `PaymentError` ORDER_CONFLICT: the order is another payment's, and not ours to revoke."""
    if not await decision.unit.centre_orders.own(step.centre_account, step, uploaded.pay_ord_id):
        message = "医保中心返回的医保订单号(payOrdId)属于另一笔订单, 未发生扣款, 请用新的医院订单号(medOrgOrd)重新下单"
        raise PaymentError(ErrorCode.ORDER_CONFLICT, message)


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
        raise Unknown(refused.transaction, refused.message, answered=True) from refused
    if answer.status is RefundStatus.EXP:
        raise Unknown(Transaction.REFUND, "refStatus EXP", answered=True)
    if answer.status is RefundStatus.FAIL:
        raise Refused(Transaction.REFUND, "医保中心退费失败 (refStatus FAIL)")
    return answer


async def _forget_diagnoses(decision: Decision, step: UploadFees) -> None:
    """6201 was the last to need the diagnoses: of the priced bill only the patient is kept."""
    fees = step.bill.fees.model_copy(update={"lines": (), "diagnoses": ()})
    kept = PricedBill(patient=step.bill.patient, fees=fees)
    priced = key_of_step(step).model_copy(update={"name": name_of(HisActivities.price_bill), "number": 1})
    await decision.unit.steps.shorten(step, priced, kept.model_dump_json())


def _pre_settlement(step: PlaceOrder, placed: PlacedOrder, at: datetime) -> PreSettlement | None:
    """None if the parts do not add up (product rule 11). `at`: when the payment window opens."""
    if not placed.split.adds_up_to(step.total_fen):
        return None
    return PreSettlement(
        pay_ord_id=placed.pay_ord_id,
        split=placed.split,
        balance_fen=placed.balance_fen,
        window_ends_at=at + timedelta(seconds=step.payment_window_s),
    )


async def _record_placed(decision: Decision, step: PlaceOrder, placed: PreSettlement) -> None:
    facts = PaymentFacts(split=placed.split, balance_fen=placed.balance_fen, window_ends_at=placed.window_ends_at)
    await move(decision, step, PaymentState.PRE_SETTLED, facts, made=True)


async def _record_settlement(decision: Decision, step: AskOrder, settlement: Settlement, *, consistent: bool) -> None:
    facts = PaymentFacts(settlement=settlement)
    if step.record is Recorded.PAID and consistent:
        await move(decision, step, PaymentState.PAID, facts, by_question=True)
    elif step.record is not Recorded.NOTHING:
        await decision.unit.payments.record(step, step.revision, decision.at, facts=facts)


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


def _reversal(step: Reverse, app_refd_sn: str, at: datetime) -> RefundRequest:
    """6203 with revsToken, or with payAuthNo after a review. HI leaves the cash to the channel (product rule 10)."""
    parts = _sent_back(step)
    return RefundRequest(
        pay_ord_id=step.reference.pay_ord_id,
        app_refd_sn=app_refd_sn,
        requested_at=at,
        refund_type=step.refund_type,
        parts=parts,
        total_fen=parts.fee_sum_fen,
        revs_token="" if step.pay_auth_no else step.settlement.revs_token,
        pay_auth_no=step.pay_auth_no,
        reason="人工核查退费" if step.pay_auth_no else "医院入账失败",
    )
