"""Temporal's time-skipping test server: where it is, and what it must know before a payment starts."""

import asyncio
import shutil
import sys
import time
from collections.abc import Awaitable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import pytest
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Interceptor as ClientInterceptor
from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateHandle, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    StartActivityInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)
from temporalio.workflow import ActivityHandle

from security.crypto.keyring import Keyring
from security.crypto.payload_codec import data_converter
from storage.sql.clock import CLOCK
from workflows.search_attributes import ALL

T = TypeVar("T")
STEPS_MAX = 100
ANSWER_S_MAX = 0.2
_TURNS: WeakKeyDictionary[WorkflowEnvironment, asyncio.Lock] = WeakKeyDictionary()
_CLOCK = timedelta(milliseconds=1)
_BESIDE = timedelta(microseconds=1)


def _test_server() -> str:
    beside = Path(sys.executable).with_name("temporal-test-server")
    found = str(beside) if beside.exists() else shutil.which("temporal-test-server")
    if found is None:
        raise FileNotFoundError("temporal-test-server is not installed: run make setup")
    return found


async def start_time_skipping() -> WorkflowEnvironment:
    """A server of its own, with our search attributes. Raises FileNotFoundError where it is not installed."""
    environment = await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=_test_server(),
        data_converter=data_converter(Keyring.generate()),
        interceptors=[DeadlinesBesideTheSecond()],
    )
    types = {key.name: IndexedValueType.ValueType(int(key.indexed_value_type)) for key in ALL}
    request = AddSearchAttributesRequest(namespace="default", search_attributes=types)
    await environment.client.operator_service.add_search_attributes(request)
    return environment


async def in_time(environment: WorkflowEnvironment, update: WorkflowUpdateHandle[T], step_s: int) -> T:
    """Let time pass in steps until the update is answered. Waiting for it would hold the test server's clock.

    The wait is ours, not the RPC's: where the server's timer ends a call before the client's does, the client takes it
    for a broken connection and asks again for ten seconds.

    Of several callers one at a time looks and lets time pass: while one looked, another's step would stand still, and
    on a busy machine the server gave it up.
    """
    turns = _TURNS.setdefault(environment, asyncio.Lock())
    for _ in range(STEPS_MAX):
        async with turns:
            try:
                return await asyncio.wait_for(update.result(), ANSWER_S_MAX)
            except (WorkflowUpdateRPCTimeoutOrCancelledError, TimeoutError):
                await environment.sleep(step_s)
    raise TimeoutError(f"no answer after {STEPS_MAX * step_s} s")


async def refusal_of(call: Awaitable[object]) -> ApplicationError:
    """What the workflow refuses the caller with. A call that is answered fails the test."""
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await call
    assert isinstance(caught.value.cause, ApplicationError)
    return caught.value.cause


async def by_servers_time(environment: WorkflowEnvironment) -> datetime:
    """From here on this task's clock goes with the server's, which stands still or skips between two tasks only."""
    at, since = await environment.get_current_time(), time.monotonic()
    CLOCK.set(lambda: at + timedelta(seconds=time.monotonic() - since))
    return at


class ServersTime(Interceptor):
    """A worker's activities live by the server's clock."""

    def __init__(self, environment: WorkflowEnvironment) -> None:
        self._environment = environment

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's name
        return _InServersTime(next, self._environment)


class _InServersTime(ActivityInboundInterceptor):
    def __init__(self, following: ActivityInboundInterceptor, environment: WorkflowEnvironment) -> None:
        super().__init__(following)
        self._environment = environment

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002, ANN401 - the SDK's signature
        await by_servers_time(self._environment)
        return await super().execute_activity(input)


class DeadlinesBesideTheSecond(ClientInterceptor, Interceptor):
    """Activities' deadlines beside the whole second, where the test server takes one for none and retries for ever.

    Its clock counts milliseconds: one retried activity in a thousand would never end. The real server has no such
    exception. Of a client: its workers take it from there.
    """

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002, ARG002 - the SDK's signature
    ) -> type[WorkflowInboundInterceptor]:
        return _Inbound


class _Inbound(WorkflowInboundInterceptor):
    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(_Outbound(outbound))


class _Outbound(WorkflowOutboundInterceptor):
    def start_activity(self, input: StartActivityInput) -> ActivityHandle[Any]:  # noqa: A002 - the SDK's name
        if (budget := input.schedule_to_close_timeout) is not None:
            input = replace(input, schedule_to_close_timeout=budget // _CLOCK * _CLOCK + _BESIDE)  # noqa: A001 - as above
        return super().start_activity(input)
