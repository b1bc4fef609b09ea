"""Steps as a worker runs them for a payment's workflow, and the clock by which activities go."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar, cast

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.contract.base import MOVED, Step
from activities.reporting import Activities
from domain.ids import payment_workflow_id
from domain.orders import KnownPayment
from storage.sql.clock import CLOCK

S = TypeVar("S", bound=Step)
R = TypeVar("R")


def activity_of(name: str, step: Step, *, attempt: int = 1) -> ActivityEnvironment:
    """Where an activity of this name runs that was begun by the payment's own workflow."""
    environment = ActivityEnvironment()
    workflow_id = payment_workflow_id(step.hospital, step.med_org_ord)
    environment.info = replace(environment.info, workflow_id=workflow_id, activity_type=name, attempt=attempt)
    return environment


async def take(method: Callable[[S], Awaitable[R]], step: S, *, attempt: int = 1) -> R:
    """Run an activity once. `method`: bound to its `Activities`."""
    bound = cast("Any", method)
    group: Activities = bound.__self__
    name = group.declarations[bound.__name__].name
    result: R = await activity_of(name, step, attempt=attempt).run(method, step)
    return result


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
