"""What callers were told, read from a payment's history: waiting for an answer would hold the test server's clock."""

from dataclasses import dataclass

from temporalio.api.enums.v1 import EventType

from domain.orders import Order
from tests.property.run import Run


@dataclass(frozen=True)
class Told:
    """One update that was taken. `done` is None while it waits; `error` is the answer's code where it was a refusal."""

    update: str
    done: bool | None = None
    error: str = ""


async def told(run: Run, order: Order) -> list[Told]:
    """Every update that the payment took, in order of its taking."""
    history = await run.handle(order).fetch_history()
    updates: dict[str, Told] = {}
    for event in history.events:
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
            request = event.workflow_execution_update_accepted_event_attributes.accepted_request
            updates[request.meta.update_id] = Told(request.input.name)
        elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED:
            completed = event.workflow_execution_update_completed_event_attributes
            name, failure = updates[completed.meta.update_id].update, completed.outcome.failure
            done = completed.outcome.HasField("success")
            updates[completed.meta.update_id] = Told(name, done, failure.application_failure_info.type)
    return list(updates.values())
