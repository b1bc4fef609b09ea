"""What people did with a case goes into our records, beside the history."""

from temporalio import workflow

from activities.signatures import RecordActivities
from domain.reviews import CaseEvent, NoteCase, ReviewAction
from workflows.calls import ask
from workflows.progress import Progress
from workflows.recording import RECORD_BUDGET


async def note(progress: Progress, event: CaseEvent, action: ReviewAction, by: str, reason: str) -> None:
    """Write it down before it has an effect."""
    step = NoteCase(**progress.step(), event=event, action=action, by=by, reason=reason, at=workflow.now())
    summary = f"人工核查: {event.value} {action.value}"
    await ask(RecordActivities.record_case_event, step, progress.terms, RECORD_BUDGET, summary)
