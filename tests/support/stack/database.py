"""The records as a test reads them: past the repositories, and the log of access by a whole chain."""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from security.access_log import ChainCheck
from storage.sql.sqlite import SqliteEngine
from tests.support.stack.api_server import ApiServer


async def rows(engine: AsyncEngine | SqliteEngine, query: str) -> list[dict[str, Any]]:
    """A query's rows, read past the repositories."""
    async with engine.connect() as connection:
        return [dict(row) for row in (await connection.execute(text(query))).mappings()]


async def new_database(server: str, name: str, template: str = "template1") -> str:
    """A database like `template` on the PostgreSQL server at `server`, as an SQLAlchemy URL."""
    engine = create_async_engine(f"postgresql+asyncpg://postgres@{server}/postgres", isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
    await engine.dispose()
    return f"postgresql+asyncpg://postgres@{server}/{name}"


async def somebody_waits(engine: AsyncEngine | SqliteEngine) -> bool:
    """Whether a PostgreSQL session waits for another's lock. SQLite's writers wait before they reach the database."""
    if engine.dialect.name == "sqlite":
        return True
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    return bool(await rows(engine, waiting))


@dataclass(frozen=True)
class Recorded:
    event: str
    who: tuple[str, str, str]
    """Hospital, actor, role."""
    subject: str
    details: dict[str, Any]


async def log_of(api: ApiServer) -> list[Recorded]:
    """Every record of the log of access, of a chain that is whole."""
    check, found = ChainCheck(), []
    async with api.records() as database, database.read() as unit:
        async for link, digest in unit.access.records():
            assert check.broken_by(link, digest) is None
            who = (link.hospital, link.actor, link.role)
            found.append(Recorded(link.event, who, link.subject, json.loads(link.details)))
    return found
