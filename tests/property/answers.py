"""What callers were told, read from a history: waiting for an answer would hold the test server's clock."""

import json
from dataclasses import dataclass
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHandle


@dataclass(frozen=True)
class Told:
    """One update that was taken. `done` is None while it waits; `error` is the answer's code where it was a refusal."""

    update: str
    done: bool | None = None
    error: str = ""


async def told(handle: WorkflowHandle[Any, Any]) -> list[Told]:
    """Every update that the workflow took, in order of its taking."""
    history = await handle.fetch_history()
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


async def all_answered(handle: WorkflowHandle[Any, Any]) -> bool:
    """Whether every wish that the workflow took is answered: until then it is not at rest."""
    return all(each.done is not None for each in await told(handle))


async def shown_state(handle: WorkflowHandle[Any, Any]) -> str:
    """Read raw: the test server keeps an unset datetime as a null that the SDK can't decode."""
    described = await handle.describe()
    fields = described.raw_description.workflow_execution_info.search_attributes.indexed_fields
    return str(json.loads(fields["PaymentState"].data))
