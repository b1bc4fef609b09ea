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
    environment = await WorkflowEnvironment.start_local(
        dev_server_existing_path=_server(),
        search_attributes=search_attributes,
        dev_server_database_filename=str(file) if file else None,
        dev_server_extra_args=[word for value in dynamic_config for word in ("--dynamic-config-value", value)],
    )
    try:
        yield environment.client.service_client.config.target_host
    finally:
        await environment.shutdown()
