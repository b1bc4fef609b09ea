"""Ends that no remote call writes, and the one way to end unpaid: revoke first, then end."""

from activities.contract import CentreActivities, RecordActivities, RecordEnd, RevokeOrder
from domain.insurance import OrderVerdict, verdict
from domain.orders import PaymentEnd
from workflows import limits
from workflows.calls import Refusal, Unresolved, local_then_remote, remote
from workflows.payment.progress import Progress

REVOKED = 12


async def record_end(progress: Progress, end: PaymentEnd) -> None:
    """Write `end` to the records, then be there."""
    step = RecordEnd(**progress.step(), order=progress.order, accepted_at=progress.accepted_at, end=end)
    await local_then_remote(
        RecordActivities.record_end, step, progress.terms, limits.RECORD_BUDGET, f"记录 {end.state.value}"
    )
    progress.finish(end)


async def end_unpaid(progress: Progress, end: PaymentEnd) -> int | None:
    """Reach `end`: 6401 first where the centre has an order.

    Returns None when it is reached, or the ordStas for which 6401 was refused: the payment is then not ended.
    """
    if progress.uploaded is None:
        await record_end(progress, end)
        return None
    progress.tell(f"撤销医保订单 (6401), 之后 {end.state.value}")
    step = RevokeOrder(**progress.step(), reference=progress.reference, end=end)
    try:
        revoked = await remote(
            CentreActivities.revoke_order, step, progress.terms, limits.REVOKE_BUDGET, "6401 费用明细上传撤销"
        )
    except (Refusal, Unresolved):
        await record_end(progress, progress.review("REVOCATION_UNRESOLVED", "医保订单撤销结果未知, 已转人工核查"))
        return None
    if revoked.ord_stas == REVOKED:
        progress.finish(end)
        return None
    if verdict(revoked.ord_stas) is OrderVerdict.FAILED:
        await record_end(progress, end)
        return None
    return revoked.ord_stas
