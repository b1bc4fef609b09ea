"""Steps that several parts of the payment workflow share: queries, ends, 6401, cancelling our visit."""

from datetime import timedelta

from activities.contract.centre import AskOrder, CentreActivities, OrderAnswer, Recorded, RevokeOrder
from activities.contract.his import Booking, CancelRegistration, FindBooking, HisActivities
from activities.contract.records import RecordActivities, RecordEnd
from domain.attention import AttentionReason
from domain.insurance import Split
from domain.ord_stas import OrderVerdict, OrdStas, verdict
from domain.orders import PaymentEnd
from workflows import limits
from workflows.calls import Refusal, Unresolved
from workflows.payment.progress import Progress, review


def order_question(progress: Progress, split: Split | None, record: Recorded) -> AskOrder:
    """6301 for this payment. `split`: 6202's, to compare. `record`: how a settlement is recorded."""
    return AskOrder(
        **progress.step(),
        reference=progress.reference,
        split=split,
        accepted_at=progress.accepted_at,
        reversal_window_s=progress.terms.reversal_window_s,
        record=record,
    )


async def ask_order(question: AskOrder, progress: Progress, budget: timedelta, summary: str) -> OrderAnswer | None:
    """6301. None: refused, or no answer within `budget`."""
    try:
        return await progress.steps.first_local(CentreActivities.ask_order, question, budget, summary)
    except (Refusal, Unresolved):
        return None


def booking_question(progress: Progress, visit_id: str | None, *, record: bool) -> FindBooking:
    """What HIS has for this payment, and whose visit `visit_id` is. `record`: whether a settlement makes it SETTLED."""
    return FindBooking(
        **progress.step(),
        category=progress.order.category,
        patient_id=progress.order.patient_id,
        visit_id=visit_id,
        record=record,
        agreed_visit_id=progress.visit_id,
    )


async def find_booking(question: FindBooking, progress: Progress, budget: timedelta, summary: str) -> Booking | None:
    """HIS's answer. None: refused, or no answer within `budget`."""
    try:
        return await progress.steps.first_local(HisActivities.find_booking, question, budget, summary)
    except (Refusal, Unresolved):
        return None


async def record_end(progress: Progress, end: PaymentEnd) -> None:
    """Write `end` to our records, then enter it."""
    step = RecordEnd(**progress.step(), order=progress.order, accepted_at=progress.accepted_at, end=end)
    summary = f"记录 {end.state.value}"
    await progress.steps.first_local(RecordActivities.record_end, step, limits.RECORD_BUDGET, summary)
    progress.finish(end)


async def open_review(progress: Progress, reason: AttentionReason) -> None:
    """IN_REVIEW: hand the payment to a person."""
    await record_end(progress, review(reason))


async def end_unpaid(progress: Progress, end: PaymentEnd) -> int | None:
    """Bring the payment to `end`, after 6401 if the centre has an order. An unknown 6401 opens a review instead.

    Returns None, or the ordStas because of which 6401 was refused: the payment has then not ended.
    """
    if progress.uploaded is None:
        await record_end(progress, end)
        return None
    progress.show(f"撤销医保订单 (6401), 之后 {end.state.value}")
    try:
        ord_stas = await revoke(progress, end, limits.REVOKE_BUDGET)
    except (Refusal, Unresolved):
        await open_review(progress, AttentionReason.REVOCATION_UNRESOLVED)
        return None
    if ord_stas is not None and verdict(ord_stas) is OrderVerdict.FAILED:
        await record_end(progress, end)
        return None
    return ord_stas


async def revoke(progress: Progress, end: PaymentEnd, budget: timedelta) -> int | None:
    """6401, then `end`. Returns None, or the ordStas because of which 6401 was refused.

    Raises `Refusal`, `Unresolved`.
    """
    step = RevokeOrder(**progress.step(), reference=progress.reference, end=end)
    summary = "6401 费用明细上传撤销"
    revoked = await progress.steps.first_local(CentreActivities.revoke_order, step, budget, summary)
    if revoked.ord_stas != OrdStas.REVOKED:
        return revoked.ord_stas
    progress.finish(end)
    return None


async def cancel_our_visit(progress: Progress, budget: timedelta) -> bool:
    """Cancel the visit that we registered. False: HIS refused, or could not be reached within `budget`."""
    if progress.visit_id is None or not progress.visit_is_ours:
        return True
    step = CancelRegistration(**progress.step(), patient_id=progress.order.patient_id, visit_id=progress.visit_id)
    try:
        await progress.steps.first_local(HisActivities.cancel_registration, step, budget, "HIS: 取消挂号")
    except (Refusal, Unresolved):
        return False
    progress.visit_cancelled()
    return True
