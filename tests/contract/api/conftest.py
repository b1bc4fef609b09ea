"""An API of its own for each test, on a copy of one data folder: only the first one waits for the migrations."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.stack.api_server import ApiServer, free_port, prepare, serving_api, settings_for


@pytest.fixture(scope="session")
def _template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("api") / "data"
    prepare(folder, "127.0.0.1:9")
    return folder


@pytest.fixture(scope="module")
def prepared_folder(_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The module's own: what its servers write there is not found by others."""
    return shutil.copytree(_template, tmp_path_factory.mktemp("api") / "data")


@pytest_asyncio.fixture
async def api(prepared_folder: Path, tmp_path: Path) -> AsyncIterator[ApiServer]:
    """Nothing listens at its Temporal address: what it answers, it answers from the request and from its rows."""
    folder = shutil.copytree(prepared_folder, tmp_path / "data")
    async with serving_api(settings_for(folder, f"127.0.0.1:{free_port()}")) as server:
        yield server
