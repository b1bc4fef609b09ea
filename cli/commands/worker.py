"""`medpay worker`: runs a Temporal worker."""

import asyncio
import socket
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest

from activities.clocks import ClockSkewError
from cli.configuration import CommandError, read_hospitals, read_keyring, read_settings
from cli.connections import NO_CONNECTION, check_tables, connect
from security.logs import configure_logging
from settings import Settings
from worker import run_worker

app = typer.Typer()

POLL_AGE_MAX = timedelta(minutes=2)
"""A worker polls at least once a minute; an older poll means that it is gone or stuck."""


@app.command()
def worker(
    *,
    check: Annotated[
        bool,
        typer.Option("--check", help="Only ask Temporal whether a worker on this machine is polling; exit 1 if not."),
    ] = False,
) -> None:
    """Run payments from MEDPAY_TASK_QUEUE until SIGTERM; running activities may finish."""
    settings = read_settings()
    if check:
        asyncio.run(_check(settings))
        return
    read_keyring(settings, read_hospitals(settings))
    asyncio.run(check_tables(settings))
    configure_logging(settings.log_level, "worker")
    try:
        asyncio.run(run_worker(settings))
    except ClockSkewError as error:
        raise CommandError(str(error)) from None
    except RuntimeError as error:
        if NO_CONNECTION not in str(error):
            raise
        raise CommandError(f"MEDPAY_TEMPORAL_ADDRESS: no Temporal answers at {settings.temporal_address}") from None


async def _check(settings: Settings) -> None:
    client = await connect(settings)
    request = DescribeTaskQueueRequest(
        namespace=settings.temporal_namespace,
        task_queue=TaskQueue(name=settings.task_queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    described = await client.workflow_service.describe_task_queue(request)
    oldest = datetime.now(UTC) - POLL_AGE_MAX
    ours = [poller for poller in described.pollers if poller.identity.endswith(f"@{socket.gethostname()}")]
    if any(poller.last_access_time.ToDatetime(UTC) > oldest for poller in ours):
        return
    raise CommandError(f"no worker on {socket.gethostname()} polls the task queue {settings.task_queue}")
