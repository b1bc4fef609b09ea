"""Temporal's time-skipping test server: where it is, and what it must know before a payment starts."""

import shutil
import sys
from pathlib import Path

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.testing import WorkflowEnvironment

from security.data_converter import data_converter
from security.keyring import Keyring
from workflows.search_attributes import ALL


def _test_server() -> str:
    beside = Path(sys.executable).with_name("temporal-test-server")
    found = str(beside) if beside.exists() else shutil.which("temporal-test-server")
    if found is None:
        raise FileNotFoundError("temporal-test-server is not installed: run make setup")
    return found


async def start_time_skipping() -> WorkflowEnvironment:
    """A server of its own, with our search attributes. Raises FileNotFoundError where it is not installed."""
    environment = await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=_test_server(), data_converter=data_converter(Keyring.generate())
    )
    types = {key.name: IndexedValueType.ValueType(int(key.indexed_value_type)) for key in ALL}
    request = AddSearchAttributesRequest(namespace="default", search_attributes=types)
    await environment.client.operator_service.add_search_attributes(request)
    return environment
