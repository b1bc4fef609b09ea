"""What people did with a case goes into our records, beside the history."""

from temporalio import workflow

from activities.contract import NoteCase, RecordActivities
from domain.reviews import CaseEvent, ReviewAction
from workflows import limits
from workflows.calls import local_then_remote
from workflows.payment.progress import Progress


async def note(progress: Progress, event: CaseEvent, action: ReviewAction, by: str, reason: str) -> None:
    """Write it down before it has an effect."""
    step = NoteCase(**progress.step(), event=event, action=action, by=by, reason=reason, at=workflow.now())
    summary = f"人工核查: {event.value} {action.value}"
    await local_then_remote(RecordActivities.record_case_event, step, progress.terms, limits.RECORD_BUDGET, summary)
