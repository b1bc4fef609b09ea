"""The embedded Temporal server, for real: what is true once it counts as ready."""

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from cli.configuration import CommandError
from cli.stack.ports import with_ports
from cli.stack.supervisor import Supervisor
from cli.stack.temporal import TemporalCommand, temporal_binary, temporal_server, worker_is_polling
from settings import Settings
from tests.support.stack.temporal_dev_server import temporal_server as dev_server
from tests.support.values.orders import outpatient
from tests.support.values.records import AT
from tests.support.waiting import eventually
from workflows import search_attributes


@workflow.defn
class Nothing:
    @workflow.run
    async def run(self) -> None:
        """A worker must have a workflow."""


@activity.defn
async def nothing() -> None:
    """A worker that polls for activities must have one."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    chosen, _ = with_ports(Settings(_env_file=None, data_dir=tmp_path), tmp_path, on_any=True)
    return chosen


@pytest.fixture
async def temporal(settings: Settings, tmp_path: Path) -> AsyncIterator[TemporalCommand]:
    command = TemporalCommand(temporal_binary(None), settings.temporal_address, settings.temporal_namespace)
    async with Supervisor(tmp_path) as supervisor:
        await supervisor.start(temporal_server(settings, command, tmp_path, "http://127.0.0.1:9/codec"))
        yield command


async def test_it_knows_our_search_attributes_and_keeps_payments_for_thirty_days(temporal: TemporalCommand) -> None:
    listed = json.loads(await temporal.run("operator", "search-attribute", "list", "-o", "json") or "{}")
    assert search_attributes.TYPES.keys() <= listed["customAttributes"].keys()
    described = json.loads(await temporal.run("operator", "namespace", "describe", "-o", "json") or "{}")
    assert described["config"]["workflowExecutionRetentionTtl"] == "2592000s"


async def test_a_file_of_before_our_search_attributes_gets_them(settings: Settings, tmp_path: Path) -> None:
    """As a folder has it that was made by an older medpay; a payment may use them at once."""
    command = TemporalCommand(temporal_binary(None), settings.temporal_address, settings.temporal_namespace)
    async with dev_server(search_attributes=(), file=tmp_path / "temporal.db"):
        pass
    async with Supervisor(tmp_path) as supervisor:
        await supervisor.start(temporal_server(settings, command, tmp_path, "http://127.0.0.1:9/codec"))
        client = await Client.connect(settings.temporal_address)
        shown = search_attributes.of_payment(outpatient("p-1"), AT)
        begun = await client.start_workflow(Nothing.run, id="p-1", task_queue="payments", search_attributes=shown)
        assert (await begun.describe()).typed_search_attributes == shown


async def test_a_worker_counts_once_it_polls_and_only_by_its_own_process(
    temporal: TemporalCommand, settings: Settings
) -> None:
    assert not await worker_is_polling(temporal, "payments", os.getpid())
    client = await Client.connect(settings.temporal_address)
    async with Worker(
        client,
        task_queue="payments",
        workflows=[Nothing],
        activities=[nothing],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        await eventually(lambda: worker_is_polling(temporal, "payments", os.getpid()))
        assert not await worker_is_polling(temporal, "payments", os.getpid() + 1)


def test_a_command_that_is_none() -> None:
    with pytest.raises(CommandError, match=r"MEDPAY_TEMPORAL_CLI: /no/such/temporal is not a command"):
        temporal_binary("/no/such/temporal")


def test_a_server_elsewhere_is_not_ours_to_start(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, temporal_address="temporal.example:7233")
    with pytest.raises(CommandError, match=r"MEDPAY_TEMPORAL_ADDRESS: temporal\.example:7233 is not this machine"):
        with_ports(settings, tmp_path, on_any=False)
