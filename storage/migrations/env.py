"""Run by alembic. The database is the one that `storage.migrate` was told, or else that of our settings."""

import asyncio
from typing import Literal

from alembic import context
from sqlalchemy import Connection, func, select
from sqlmodel import AutoString, SQLModel

import storage.access_log
import storage.nonces
import storage.tables  # noqa: F401 - their tables join the metadata
from settings import Settings
from storage.sql.columns import UtcDateTime
from storage.sql.engines import open_engines

MIGRATION_LOCK = 0x6D656470
"""A number of our own among PostgreSQL's advisory locks."""


def plain_type(kind: str, item: object, _: object) -> str | Literal[False]:
    """How a drafted revision writes our types: as what the database makes of them. A revision outlives their code."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, AutoString):
        return f"sa.String({item.length})"
    return False


def migrate(connection: Connection) -> None:
    """All pending revisions in the one transaction that is open. SQLite changes a table by copying it."""
    if connection.dialect.name == "postgresql":
        # Two that start at once take turns; on SQLite the open transaction sees to that.
        connection.execute(select(func.pg_advisory_xact_lock(MIGRATION_LOCK)))
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        render_as_batch=True,
        render_item=plain_type,
    )
    with context.begin_transaction():
        context.run_migrations()


async def connect_and_migrate() -> None:
    engines = open_engines(context.config.attributes.get("url") or Settings().database, statement_s_max=None)
    try:
        async with engines.writer.begin() as connection:
            await connection.run_sync(migrate)
    finally:
        await engines.dispose()


asyncio.run(connect_and_migrate())
