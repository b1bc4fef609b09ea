"""Steps as a worker runs them for a payment's workflow, and the clock by which activities go."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar, cast

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.contract.base import MOVED, NOT_KEPT, FailureKind, Step, StepFailure, StepResult
from activities.reporting import Activities
from domain.ids import payment_workflow_id
from domain.orders import KnownPayment
from storage.sql.clock import CLOCK

S = TypeVar("S", bound=Step)
R = TypeVar("R")


RUN_ID = "run-1"


def activity_of(name: str, step: Step, *, attempt: int = 1) -> ActivityEnvironment:
    """Where an activity of this name runs that was begun by the payment's own workflow."""
    environment = ActivityEnvironment()
    workflow_id = payment_workflow_id(step.hospital, step.med_org_ord)
    environment.info = replace(
        environment.info, workflow_id=workflow_id, workflow_run_id=RUN_ID, activity_type=name, attempt=attempt
    )
    return environment


async def take(method: Callable[[S], Awaitable[R]], step: S, *, attempt: int = 1) -> R:
    """Run an activity once. `method`: bound to its `Activities`. Raises its final failure too."""
    bound = cast("Any", method)
    group: Activities = bound.__self__
    name = group.declarations[bound.__name__].name
    taken = step.model_copy(update={"name": name, "run_id": RUN_ID})
    told: StepResult[R] = await activity_of(name, taken, attempt=attempt).run(bound, taken)
    assert (told.name, told.number) == (name, step.number)
    if told.failure is not None:
        raise _failed(told.failure)
    return cast("R", told.value)


def _failed(failure: StepFailure) -> ApplicationError:
    kind, details = failure.kind, [each for each in (failure.known, failure.note) if each]
    codes = {FailureKind.MOVED: MOVED, FailureKind.NOT_KEPT: NOT_KEPT, FailureKind.REFUSED: failure.code}
    return ApplicationError(failure.message, *details, type=str(codes.get(kind, kind)), non_retryable=True)


async def finds_row_moved(method: Callable[[S], Awaitable[Any]], step: S) -> KnownPayment:
    """The payment as its row has it, which is elsewhere than the step believes."""
    with pytest.raises(ApplicationError) as raised:
        await take(method, step)
    assert raised.value.type == MOVED
    return KnownPayment.model_validate(raised.value.details[0])


@contextmanager
def database_time(moment: datetime) -> Iterator[None]:
    """While the block runs, the database's clock stands at `moment` for whoever is started inside."""
    token = CLOCK.set(lambda: moment)
    try:
        yield
    finally:
        CLOCK.reset(token)
