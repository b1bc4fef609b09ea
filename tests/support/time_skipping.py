"""Temporal's time-skipping test server: where it is, and what it must know before a payment starts."""

import asyncio
import shutil
import sys
from pathlib import Path
from typing import TypeVar

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import WorkflowUpdateHandle, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.testing import WorkflowEnvironment

from security.crypto.keyring import Keyring
from security.crypto.payload_codec import data_converter
from tests.support.deadlines import DeadlinesBesideTheSecond
from workflows.search_attributes import ALL

T = TypeVar("T")
STEPS_MAX = 100
ANSWER_S_MAX = 0.2


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
    """
    for _ in range(STEPS_MAX):
        try:
            return await asyncio.wait_for(update.result(), ANSWER_S_MAX)
        except (WorkflowUpdateRPCTimeoutOrCancelledError, TimeoutError):
            await environment.sleep(step_s)
    raise TimeoutError(f"no answer after {STEPS_MAX * step_s} s")
