"""Every test here runs on SQLite and on PostgreSQL, on tables made by the real migrations."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from security.crypto.keyring import Keyring
from storage.session import Database
from storage.sql import engines
from storage.sql.migrate import upgrade
from tests.support.stack.database import new_database
from tests.support.stack.postgres import postgres_server
from tests.support.waiting import WAIT_S_MAX


@pytest.fixture(scope="session")
def postgres_address() -> Iterator[str]:
    with postgres_server() as address:
        yield address


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def empty_url(dialect: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without tables."""
    if dialect == "sqlite":
        return _sqlite_url(tmp_path / "empty.db")
    return asyncio.run(new_database(request.getfixturevalue("postgres_address"), f"empty_{uuid4().hex}"))


@pytest.fixture
def records_url(dialect: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A copy of a migrated database."""
    if dialect == "sqlite":
        copy = tmp_path / "records.db"
        shutil.copy(request.getfixturevalue("migrated_file"), copy)
        return _sqlite_url(copy)
    template = request.getfixturevalue("migrated_template")
    return asyncio.run(
        new_database(request.getfixturevalue("postgres_address"), f"records_{uuid4().hex}", template=template)
    )


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("records") / "migrated.db"
    upgrade(_sqlite_url(path))
    return path


@pytest.fixture(scope="session")
def migrated_template(postgres_address: str) -> str:
    upgrade(asyncio.run(new_database(postgres_address, "migrated")))
    return "migrated"


def _sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"


@pytest.fixture
def keyring() -> Keyring:
    return Keyring.generate()


@pytest.fixture
async def database(records_url: str, keyring: Keyring, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    """Several connections are made at once: on a busy machine that takes longer than a worker would wait."""
    monkeypatch.setattr(engines, "WAIT_S_MAX", WAIT_S_MAX)
    async with Database(records_url, keyring) as database:
        yield database
