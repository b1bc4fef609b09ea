"""What Temporal loses: an activity's completion after its result is committed, or a workflow task with all it has done.

A task is lost as a local activity is about to begin: those before it in the same task run again.
"""

from typing import TYPE_CHECKING, Any

from temporalio import activity
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    StartLocalActivityInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)
from temporalio.workflow import ActivityHandle

from activities.contract.centre import CentreActivities
from activities.contract.his import HisActivities
from activities.contract.records import BillLockActivities, RecordActivities
from activities.contract.refunds import RefundActivities
from tests.support.stack.time_skipping import by_servers_time

if TYPE_CHECKING:
    from tests.property.stage import Stage

_GROUPS = (HisActivities, CentreActivities, BillLockActivities, RecordActivities, RefundActivities)
STEPS = tuple(each.name for group in _GROUPS for each in group.declarations.values())


def completion_of(step: str) -> str:
    """The name under which the loss of this step's completion is a fault."""
    return f"completion of {step}"


def task_before(step: str) -> str:
    """The name under which the loss of the workflow task that takes this step is a fault."""
    return f"task before {step}"


class CompletionLostError(Exception):
    """The step is committed; nobody was told."""


class TaskLostError(Exception):
    """Not a failure that Temporal knows: it gives the task out again."""


class Losses(Interceptor):
    """Of a worker. Its activities also live by the server's clock."""

    def __init__(self, stage: "Stage") -> None:
        self._stage = stage

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's name
        return _LosingCompletions(next, self._stage)

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002, ARG002 - the SDK's signature
    ) -> type[WorkflowInboundInterceptor]:
        stage = self._stage

        class LosingTasks(WorkflowInboundInterceptor):
            def init(self, outbound: WorkflowOutboundInterceptor) -> None:
                super().init(_LosingTasks(outbound, stage))

        return LosingTasks


class _LosingCompletions(ActivityInboundInterceptor):
    def __init__(self, following: ActivityInboundInterceptor, stage: "Stage") -> None:
        super().__init__(following)
        self._stage = stage

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002, ANN401 - the SDK's signature
        self._stage.attempts += 1
        try:
            await by_servers_time(self._stage.environment)
            result = await super().execute_activity(input)
            if self._stage.database.faults.take(completion_of(activity.info().activity_type)):
                raise CompletionLostError
            return result
        finally:
            self._stage.attempts -= 1


class _LosingTasks(WorkflowOutboundInterceptor):
    def __init__(self, following: WorkflowOutboundInterceptor, stage: "Stage") -> None:
        super().__init__(following)
        self._stage = stage

    def start_local_activity(self, input: StartLocalActivityInput) -> ActivityHandle[Any]:  # noqa: A002 - the SDK's name
        if self._stage.database.faults.take(task_before(input.activity)):
            raise TaskLostError
        return super().start_local_activity(input)
