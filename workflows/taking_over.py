"""A bill that another live payment has (product rule 3): it is asked to withdraw, then the bill is claimed again.

This happens daily: a patient leaves the page and comes back. Who came last goes on, unless the earlier one is paid.
"""

from collections.abc import Callable
from datetime import timedelta

from activities.signatures import HolderActivities, RecordActivities
from domain.errors import ErrorCode
from domain.steps import ClaimBills, WithdrawHolder
from workflows.calls import Refusal, Unresolved, ask, change
from workflows.progress import Progress

_UNDECIDED = "该费用的另一笔订单尚未结束, 请稍后重新下单"


async def take_over(progress: Progress, holder: str, left: Callable[[], timedelta]) -> None:
    """Until the bill is ours. `left`: of the pre-settlement's budget. Raises `Refusal` BILL_ALREADY_PAID."""
    held_by: str | None = holder
    while held_by is not None:
        progress.tell(f"等待同一费用的先前订单 {held_by} 撤回")
        try:
            withdrawal = WithdrawHolder(**progress.step(), holder=held_by)
            await change(HolderActivities.withdraw_holder, withdrawal, progress.terms, left(), f"请 {held_by} 撤回")
            claim = ClaimBills(**progress.step(), order=progress.order, accepted_at=progress.accepted_at)
            claimed = await ask(RecordActivities.claim_bills, claim, progress.terms, left(), "占用费用 (claim)")
        except Unresolved as unresolved:
            raise Refusal(ErrorCode.BILL_ALREADY_PAID, _UNDECIDED) from unresolved
        held_by = claimed.held_by
