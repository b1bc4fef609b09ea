"""A worker that dies at one line: a step's result is committed, and Temporal does not know it yet.

Run as `python -m tests.support.stack.dying_worker ACTIVITY`.
"""

import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from activities.contract.base import Step
from activities.reporting import Declaration
from activities.step_log import StepLog
from worker import main

_run = StepLog._run


async def _run_and_die(self: StepLog, declaration: Declaration, step: Step, work: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401 - any step
    try:
        return await _run(self, declaration, step, work)
    finally:
        if declaration.name == sys.argv[1]:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    StepLog._run = _run_and_die  # type: ignore[method-assign]  # the point of this file
    main()
