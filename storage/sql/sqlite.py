"""SQLite in the event loop's own thread, behind the same interface as SQLAlchemy's asynchronous engine.

A statement takes some 20 µs, handing it to a thread and back many times that: the six transactions of a
pre-settlement took 20.6 ms with aiosqlite and 7.9 ms here (1.3 ms since `storage.sql.statements`). What can take long,
another process's lock, is awaited outside the database.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, CursorResult, Dialect, Engine, Executable
from sqlalchemy.exc import OperationalError

T = TypeVar("T")
Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]]

_POLL_S_MAX = 0.01


class SqliteConnection:
    """An open transaction. Its statements never yield to the event loop, so none can be cancelled half-way."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def dialect(self) -> Dialect:
        return self._connection.dialect

    async def execute(self, statement: Executable, parameters: Parameters | None = None) -> CursorResult[Any]:
        """Run one statement."""
        return self._connection.execute(statement, parameters)

    async def run_sync(self, work: Callable[[Connection], T]) -> T:
        """Run code that needs the plain connection, such as alembic."""
        return work(self._connection)


class SqliteEngine:
    """At most `size` transactions at once. `begin`: their first statement. `wait_s_max`: for turn and lock."""

    def __init__(self, engine: Engine, begin: str, size: int, wait_s_max: float) -> None:
        self._engine = engine
        self._begin = begin
        self._turns = asyncio.Semaphore(size)
        self._wait_s_max = wait_s_max

    @property
    def dialect(self) -> Dialect:
        return self._engine.dialect

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[SqliteConnection]:
        """A transaction, committed at the end or rolled back by an exception. Raises OperationalError, TimeoutError."""
        async with asyncio.timeout(self._wait_s_max) as turn:
            await self._turns.acquire()
            turn.reschedule(None)
        try:
            with self._engine.connect() as connection:
                await self._open(connection)
                try:
                    yield SqliteConnection(connection)
                except BaseException:
                    connection.exec_driver_sql("ROLLBACK")
                    raise
                connection.exec_driver_sql("COMMIT")
        finally:
            self._turns.release()

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[SqliteConnection]:
        """As `begin`, which SQLAlchemy's asynchronous engine also offers under this name."""
        async with self.begin() as connection:
            yield connection

    async def dispose(self) -> None:
        self._engine.dispose()

    async def _open(self, connection: Connection) -> None:
        """Begin, retrying while another process holds the write lock, without blocking the event loop."""
        give_up_at = asyncio.get_running_loop().time() + self._wait_s_max
        while True:
            try:
                connection.exec_driver_sql(self._begin)
            except OperationalError as error:
                if "locked" not in str(error.orig) or asyncio.get_running_loop().time() > give_up_at:
                    raise
                await asyncio.sleep(random.uniform(0.001, _POLL_S_MAX))  # noqa: S311 - a pause, not a secret
            else:
                return
