"""Temporal's own dev server, as the embedded stack runs it, for one test."""

import shutil
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from temporalio.common import SearchAttributeKey
from temporalio.testing import WorkflowEnvironment

from workflows.search_attributes import ALL

STARTS_MAX = 5


def _server() -> str:
    beside = Path(sys.executable).with_name("temporal")
    found = str(beside) if beside.exists() else shutil.which("temporal")
    if found is None:
        raise FileNotFoundError("temporal is not installed: run make setup")
    return found


@asynccontextmanager
async def temporal_server(
    *dynamic_config: str, search_attributes: Sequence[SearchAttributeKey[Any]] = ALL, file: Path | None = None
) -> AsyncIterator[str]:
    """The address of a dev server of its own, with our search attributes. `file`: where it keeps what it knows."""
    environment = await _started(
        search_attributes=search_attributes,
        dev_server_database_filename=str(file) if file else None,
        dev_server_extra_args=[word for value in dynamic_config for word in ("--dynamic-config-value", value)],
    )
    try:
        yield environment.client.service_client.config.target_host
    finally:
        await environment.shutdown()


async def _started(**options: Any) -> WorkflowEnvironment:
    """The SDK gives a server five seconds, which is little beside a whole suite: it gets several tries."""
    for tries_left in reversed(range(STARTS_MAX)):
        try:
            return await WorkflowEnvironment.start_local(dev_server_existing_path=_server(), **options)
        except RuntimeError as error:
            if not tries_left or "did not start within" not in str(error):
                raise
    raise AssertionError("no try was left")
