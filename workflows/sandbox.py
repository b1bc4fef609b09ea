"""The workflow sandbox as worker and replayer use it."""

from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions


def sandbox() -> SandboxedWorkflowRunner:
    """Our own pure packages and pydantic are passed through, so that their classes exist once."""
    restrictions = SandboxRestrictions.default.with_passthrough_modules("domain", "activities", "pydantic")
    return SandboxedWorkflowRunner(restrictions=restrictions)
