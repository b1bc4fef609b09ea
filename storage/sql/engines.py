"""Engines: a single writer on SQLite, a pool on PostgreSQL, and read-only readers on both."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from security.tls import TlsFiles, client_context
from storage.sql.sqlite import SqliteConnection, SqliteEngine

AnyConnection = AsyncConnection | SqliteConnection

POOL_SIZE = 10
SQLITE_READERS = 4
_HASTY = {"timeout": 0, "check_same_thread": False}
_TLS_WORDS = {"sslrootcert": "ca", "sslcert": "cert", "sslkey": "key"}
WAIT_S_MAX = 10
"""The limit for a connection, for another process's write on SQLite, and for one statement on PostgreSQL."""


@dataclass(frozen=True)
class Engines:
    writer: AsyncEngine | SqliteEngine
    reader: AsyncEngine | SqliteEngine

    async def dispose(self) -> None:
        await self.writer.dispose()
        await self.reader.dispose()


def open_engines(url: str, statement_s_max: float | None = WAIT_S_MAX) -> Engines:
    """The engines for an asynchronous SQLAlchemy URL. Nothing is connected yet.

    `statement_s_max`: the longest that PostgreSQL may take for one statement, in seconds; None for migrations.
    """
    if make_url(url).get_backend_name() == "sqlite":
        return _sqlite(url)
    plain, tls = _tls_apart(make_url(url))
    writer = create_async_engine(
        plain,
        pool_size=POOL_SIZE,
        max_overflow=0,
        pool_timeout=WAIT_S_MAX,
        pool_pre_ping=True,
        # Otherwise the texts of errors contain the row's values.
        hide_parameters=True,
        connect_args={"timeout": WAIT_S_MAX, "command_timeout": statement_s_max, **tls},
    )
    # One snapshot for all statements of a transaction, which SQLite has by itself.
    reader = writer.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return Engines(writer, reader)


def _tls_apart(url: URL) -> tuple[URL, dict[str, Any]]:
    """The URL without libpq's TLS parameters (sslmode, sslrootcert, sslcert, sslkey), and those as asyncpg takes them.

    Raises `security.tls.TlsFileError`.
    """
    given = {part: url.query[name] for name, part in _TLS_WORDS.items() if name in url.query}
    plain = url.difference_update_query(["sslmode", *_TLS_WORDS])
    if url.query.get("sslmode", "disable") == "disable":
        return plain, {}
    return plain, {"ssl": client_context(TlsFiles.model_validate(given).checked())}


def check_database_files(url: str) -> None:
    """Raises ValueError if a file that the URL needs is missing, or private and readable by others.

    The SQLite file itself; for PostgreSQL keys and certificates, and the password's file, which the driver ignores
    where others may read it.
    """
    place = make_url(url)
    if place.get_backend_name() == "sqlite":
        _check_private(Path(place.database or ""))
        return
    _tls_apart(place)
    named = place.query.get("passfile") or os.environ.get("PGPASSFILE")
    if place.password is None and named:
        _check_private(Path(str(named)), needed=True)


def _check_private(file: Path, *, needed: bool = False) -> None:
    if not file.is_file():
        if needed:
            raise ValueError(f"there is no file {file}")
    elif file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ValueError(f"others may read {file}: chmod 600")


def _sqlite(url: str) -> Engines:
    """With a single writing connection, so that a process's writers queue fairly instead of polling the file's lock."""
    plain = make_url(url).set(drivername="sqlite")
    writer, reader = (
        # The driver neither begins transactions nor waits for locks: SqliteEngine does both.
        create_engine(
            plain,
            pool_size=size,
            max_overflow=0,
            hide_parameters=True,
            isolation_level="AUTOCOMMIT",
            connect_args=_HASTY,
        )
        for size in (1, SQLITE_READERS)
    )
    _on_connect(writer, "PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL", "PRAGMA foreign_keys=ON")
    _on_connect(reader, "PRAGMA query_only=ON")
    # IMMEDIATE: a lock taken only at the first write would fail at once if another process wrote after our read.
    return Engines(
        SqliteEngine(writer, "BEGIN IMMEDIATE", 1, WAIT_S_MAX),
        SqliteEngine(reader, "BEGIN", SQLITE_READERS, WAIT_S_MAX),
    )


def _on_connect(engine: Engine, *statements: str) -> None:
    def connected(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        cursor.close()

    event.listen(engine, "connect", connected)
