"""The workflow sandbox of worker and replayer, and what stands between a workflow and whoever calls it."""

from dataclasses import replace
from typing import Any

from temporalio.api.enums.v1 import CommandType
from temporalio.converter import SerializationContext, StorageDriverStoreContext, WorkflowSerializationContext
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import Info

from workflows.told import Telling

_FOR_OTHER_WORKFLOWS = frozenset(
    {
        CommandType.COMMAND_TYPE_START_CHILD_WORKFLOW_EXECUTION,
        CommandType.COMMAND_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION,
        CommandType.COMMAND_TYPE_SCHEDULE_NEXUS_OPERATION,
    }
)
"""Commands whose payloads belong to another workflow; only the instance inside the sandbox knows which."""


def sandbox() -> WorkflowRunner:
    """The SDK's sandbox, with our own pure packages and pydantic passed through.

    Otherwise each new workflow would import them again, some 30 ms of its first task, and their classes would exist
    twice.
    """
    restrictions = SandboxRestrictions.default.with_passthrough_modules("activities", "domain", "pydantic", "workflows")
    return _QuickContextRunner(SandboxedWorkflowRunner(restrictions=restrictions))


class _QuickContextRunner(WorkflowRunner):
    """Tells the codec to which workflow a payload belongs without entering the sandbox.

    The SDK asks three times per payload, which took a seventh of the worker's CPU time (bench/run.py). The answer is
    nearly always the workflow's own id, which is known outside the sandbox.
    """

    def __init__(self, sandboxed: WorkflowRunner) -> None:
        self._sandboxed = sandboxed

    def prepare_workflow(self, defn: Any) -> None:  # noqa: ANN401 - the SDK's own, private type
        self._sandboxed.prepare_workflow(defn)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        told = replace(det, interceptor_classes=[*det.interceptor_classes, Telling])
        return _QuickContextInstance(self._sandboxed.create_instance(told), det.info)

    def set_worker_level_failure_exception_types(self, types: Any) -> None:  # noqa: ANN401 - passed on
        self._sandboxed.set_worker_level_failure_exception_types(types)


class _QuickContextInstance(WorkflowInstance):
    def __init__(self, sandboxed: WorkflowInstance, info: Info) -> None:
        self._sandboxed = sandboxed
        self._own = WorkflowSerializationContext(namespace=info.namespace, workflow_id=info.workflow_id)

    def activate(self, act: Any) -> Any:  # noqa: ANN401 - the bridge's protobuf
        for job in act.jobs:
            if job.HasField("initialize_workflow") and len(job.initialize_workflow.arguments) != 1:
                # Nobody could read it: the workflow fails, instead of its task, again and again.
                del job.initialize_workflow.arguments[:]
                job.initialize_workflow.arguments.add()
        return self._sandboxed.activate(act)

    def get_serialization_context(self, command_info: Any) -> SerializationContext | None:  # noqa: ANN401 - the SDK's
        """The codec reads only the workflow id, so an activity's payloads need no context of their own."""
        if command_info is not None and command_info.command_type in _FOR_OTHER_WORKFLOWS:
            return self._sandboxed.get_serialization_context(command_info)
        return self._own

    def get_external_store_context(self, command_info: Any) -> StorageDriverStoreContext:  # noqa: ANN401, ARG002 - none
        return StorageDriverStoreContext(target=None)

    def get_info(self) -> Info:
        return self._sandboxed.get_info()

    def get_thread_id(self) -> int | None:
        return self._sandboxed.get_thread_id()
