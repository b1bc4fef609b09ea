"""Temporal behind TLS that demands our certificate: the API, a worker and the commands get through, strangers don't."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from cli.configuration import CommandError
from cli.connections import connect
from cli.stack import components
from cli.stack.supervisor import Supervisor
from cli.stack.temporal import TemporalCommand, temporal_binary
from security.tls import TlsFiles
from settings import Settings
from tests.support.stack.api_server import prepare, serving_api, settings_for
from tests.support.stack.temporal_dev_server import temporal_server
from tests.support.tls.certificate_set import WRONG, Certificates
from tests.support.tls.proxy import demanding, tls_proxy

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plain() -> AsyncIterator[str]:
    """The address of a dev server of its own, in clear."""
    async with temporal_server() as address:
        yield address


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def secured(plain: str, certificates: Certificates) -> AsyncIterator[str]:
    async with tls_proxy(plain, demanding(certificates.server, certificates.authority.ca)) as place:
        yield place


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("secured") / "data"
    prepare(made, "127.0.0.1:9")
    return made


def with_tls(folder: Path, address: str, files: TlsFiles) -> Settings:
    given: dict[str, Any] = {f"temporal_tls_{part}": value for part, value in files if value is not None}
    return settings_for(folder, address, temporal_tls="on", **given)


@asynccontextmanager
async def is_ready(settings: Settings) -> AsyncIterator[bool]:
    async with serving_api(settings) as api:
        yield (await api.call("GET", "/health/ready")).status == 200


async def test_the_api_gets_through(folder: Path, secured: str, certificates: Certificates) -> None:
    async with is_ready(with_tls(folder, secured, certificates.files)) as ready:
        assert ready


async def test_also_where_the_certificate_has_another_name(
    folder: Path, secured: str, certificates: Certificates
) -> None:
    files = certificates.files.model_copy(update={"server_name": "party.example"})
    async with is_ready(with_tls(folder, secured, files)) as ready:
        assert ready


@pytest.mark.parametrize("wrong", WRONG)
async def test_nobody_else_does(folder: Path, secured: str, certificates: Certificates, wrong: str) -> None:
    async with is_ready(with_tls(folder, secured, certificates.wrong[wrong])) as ready:
        assert not ready


async def test_in_clear_is_no_way(folder: Path, secured: str) -> None:
    async with is_ready(settings_for(folder, secured)) as ready:
        assert not ready


async def test_commands_get_through(folder: Path, secured: str, certificates: Certificates) -> None:
    client = await connect(with_tls(folder, secured, certificates.files))
    assert await client.service_client.check_health()
    with pytest.raises(CommandError, match="MEDPAY_TEMPORAL_ADDRESS"):
        await connect(settings_for(folder, secured))


async def test_a_worker_gets_through_and_works(
    folder: Path, plain: str, secured: str, certificates: Certificates, tmp_path: Path
) -> None:
    """It counts as ready when it polls, which Temporal is asked in clear behind the proxy."""
    settings = with_tls(folder, secured, certificates.files)
    behind = TemporalCommand(temporal_binary(None), plain, settings.temporal_namespace)
    async with Supervisor(tmp_path) as supervisor:
        await supervisor.start(components.worker(settings, behind))
        check = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cli", "worker", "--check"), env=components.environment_of(settings)
        )
        assert await check.wait() == 0
