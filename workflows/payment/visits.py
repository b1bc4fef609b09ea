"""Taking back a visit that we made in HIS."""

from datetime import timedelta

from activities.contract import CancelRegistration, HisActivities
from workflows.calls import Refusal, Unresolved, remote
from workflows.payment.progress import Progress


async def cancel_our_visit(progress: Progress, budget: timedelta) -> bool:
    """Cancel the visit that we registered. False: HIS refused, or could not be reached within `budget`."""
    if progress.visit_id is None or not progress.visit_is_ours:
        return True
    step = CancelRegistration(**progress.step(), patient_id=progress.order.patient_id, visit_id=progress.visit_id)
    try:
        await remote(HisActivities.cancel_registration, step, progress.terms, budget, "HIS: 取消挂号")
    except (Refusal, Unresolved):
        return False
    progress.visit_id = None
    progress.visit_is_ours = False
    return True
