"""The workflow sandbox as worker and replayer use it."""

from typing import Any

from temporalio.converter import SerializationContext, StorageDriverStoreContext
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import Info


def sandbox() -> WorkflowRunner:
    """Our own pure packages and pydantic are passed through: their classes exist once, and a payment imports nothing.

    Without it each new payment imports the workflow again, some 30 ms of its first task.
    """
    restrictions = SandboxRestrictions.default.with_passthrough_modules("activities", "domain", "pydantic", "workflows")
    return _ContextFreeRunner(SandboxedWorkflowRunner(restrictions=restrictions))


class _ContextFreeRunner(WorkflowRunner):
    """The same sandbox, not entered for every payload only to be told a serialization context.

    The SDK does so for converters whose work depends on the workflow or the activity; ours doesn't. It was a seventh
    of the worker's whole work (bench/run.py).
    """

    def __init__(self, sandboxed: WorkflowRunner) -> None:
        self._sandboxed = sandboxed

    def prepare_workflow(self, defn: Any) -> None:  # noqa: ANN401 - the SDK's own, private type
        """Import it in the sandbox once, to see that it can be."""
        self._sandboxed.prepare_workflow(defn)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """One payment's instance."""
        return _ContextFreeInstance(self._sandboxed.create_instance(det))

    def set_worker_level_failure_exception_types(self, types: Any) -> None:  # noqa: ANN401 - passed on
        self._sandboxed.set_worker_level_failure_exception_types(types)


class _ContextFreeInstance(WorkflowInstance):
    def __init__(self, sandboxed: WorkflowInstance) -> None:
        self._sandboxed = sandboxed

    def activate(self, act: Any) -> Any:  # noqa: ANN401 - the bridge's protobuf
        return self._sandboxed.activate(act)

    def get_serialization_context(self, command_info: Any) -> SerializationContext | None:  # noqa: ANN401, ARG002 - none
        return None

    def get_external_store_context(self, command_info: Any) -> StorageDriverStoreContext:  # noqa: ANN401, ARG002 - none
        return StorageDriverStoreContext(target=None)

    def get_info(self) -> Info:
        return self._sandboxed.get_info()

    def get_thread_id(self) -> int | None:
        return self._sandboxed.get_thread_id()
