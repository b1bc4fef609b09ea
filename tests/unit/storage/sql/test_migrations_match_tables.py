import asyncio
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect
from sqlmodel import SQLModel

from storage.sql.engines import open_engines
from storage.sql.migrate import upgrade


def differences(connection: Connection) -> list[Any]:
    return list(compare_metadata(MigrationContext.configure(connection), SQLModel.metadata))


def checks(connection: Connection) -> dict[str, set[str]]:
    """Each table's CHECKs, which alembic does not compare."""
    inspector = inspect(connection)
    return {
        table: {f"{check['name']}: {check['sqltext']}" for check in inspector.get_check_constraints(table)}
        for table in inspector.get_table_names()
        if table != "alembic_version"
    }


async def test_the_migrated_database_has_the_tables_of_the_models(empty_url: str) -> None:
    upgrade(empty_url)
    engines = open_engines(empty_url)
    async with engines.writer.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engines.dispose()


async def test_its_checks_are_those_of_the_models(empty_url: str) -> None:
    upgrade(empty_url)
    engines = open_engines(empty_url)
    async with engines.writer.begin() as connection:
        migrated = await connection.run_sync(checks)
        await connection.run_sync(SQLModel.metadata.drop_all)
        await connection.run_sync(SQLModel.metadata.create_all)
        assert await connection.run_sync(checks) == migrated
    assert {len(found) for found in migrated.values()} == {0, 1, 2, 5, 15}
    await engines.dispose()


async def test_migrating_again_changes_nothing_and_works_within_a_running_loop(empty_url: str) -> None:
    upgrade(empty_url)
    upgrade(empty_url)
    engines = open_engines(empty_url)
    async with engines.writer.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engines.dispose()


def test_a_database_that_cannot_be_reached_is_an_error() -> None:
    with pytest.raises(OSError, match="Connect"):
        asyncio.run(asyncio.to_thread(upgrade, "postgresql+asyncpg://nobody@127.0.0.1:9/none"))
