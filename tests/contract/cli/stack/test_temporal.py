"""The embedded Temporal server, for real: what is true once it counts as ready."""

import ipaddress
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from cli.configuration import CommandError
from cli.stack.ports import with_ports
from cli.stack.supervisor import Supervisor
from cli.stack.temporal import (
    TemporalCommand,
    hidden_ui,
    temporal_binary,
    temporal_server,
    temporal_ui,
    worker_is_polling,
)
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


async def _namespaces(place: str, host: str) -> int | None:
    """The status with which all namespaces are told; None where no HTTP is spoken."""
    limit = aiohttp.ClientTimeout(total=10)
    try:
        async with (
            aiohttp.ClientSession(timeout=limit) as session,
            session.get(f"http://{place}/api/v1/namespaces", headers={"Host": host}) as response,
        ):
            return response.status
    except (aiohttp.ClientError, ValueError):
        return None


def _sockets() -> dict[str, str]:
    """Where each IPv4 socket that listens does, by its inode."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    listening = {row[9]: row[1].split(":") for row in rows if row[3] == "0A"}
    return {
        inode: f"{ipaddress.ip_address(bytes.fromhex(address)[::-1])}:{int(port, 16)}"
        for inode, (address, port) in listening.items()
    }


def _listening(pid: int) -> set[str]:
    sockets = _sockets()
    opened = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}
    return {place for inode, place in sockets.items() if f"socket:[{inode}]" in opened}


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


async def test_only_its_door_is_found_and_its_http_serves_nobody(settings: Settings, tmp_path: Path) -> None:
    """A page in a browser that points its own name at this machine reaches every port here, under that name."""
    command = TemporalCommand(temporal_binary(None), settings.temporal_address, settings.temporal_namespace)
    async with Supervisor(tmp_path) as supervisor:
        await supervisor.start(temporal_server(settings, command, tmp_path, "http://127.0.0.1:9/codec"))
        await supervisor.start(temporal_ui(settings, tmp_path))
        door = f"127.0.0.1:{settings.temporal_ui_port}"
        assert [await _namespaces(door, host) for host in ("localhost:1", "evil.example")] == [200, 421]
        ui, places = hidden_ui(tmp_path), _listening(supervisor.pids["temporal"])
        assert f"{ui.host}:{ui.port}" in places
        assert ui.host != "127.0.0.1"
        found = {place: await _namespaces(place, "evil.example") for place in places if place.startswith("127.0.0.1:")}
        assert 403 in found.values()
        assert set(found.values()) <= {None, 403, 404}


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
