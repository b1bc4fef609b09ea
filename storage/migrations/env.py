"""Run by alembic, on the database given to `storage.sql.migrate`, or else on that of the settings."""

import asyncio
from typing import Literal

from alembic import context
from sqlalchemy import Connection, func, select
from sqlmodel import AutoString, SQLModel

import storage.callers.commands
import storage.callers.nonces
import storage.callers.sessions
import storage.callers.updates
import storage.centre_orders
import storage.evidence.access_log
import storage.notices
import storage.tables  # noqa: F401 - their tables join the metadata
from settings import Settings
from storage.sql.columns import UtcDateTime
from storage.sql.engines import open_engines

MIGRATION_LOCK = 0x6D656470
"""Our number among PostgreSQL's advisory locks."""


def plain_type(kind: str, item: object, _: object) -> str | Literal[False]:
    """Writes our column types into drafted revisions as plain SQLAlchemy types, since revisions outlive our code."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, AutoString):
        return f"sa.String({item.length})"
    return False


def migrate(connection: Connection) -> None:
    """Run all pending revisions in the open transaction. On SQLite tables are changed by copying (batch mode)."""
    if connection.dialect.name == "postgresql":
        # Makes concurrent migrations wait for each other; on SQLite the open transaction does that.
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
