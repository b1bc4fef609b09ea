"""The workflow sandbox as worker and replayer use it."""

from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions


def sandbox() -> SandboxedWorkflowRunner:
    """Our own pure packages and pydantic are passed through: their classes exist once, and a payment imports nothing.

    Without it each new payment imports the workflow again: 20 ms and more of its first task (bench/run.py)."""
    restrictions = SandboxRestrictions.default.with_passthrough_modules("activities", "domain", "pydantic", "workflows")
    return SandboxedWorkflowRunner(restrictions=restrictions)
