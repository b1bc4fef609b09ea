"""A simulator's state: one SQLite file that outlives a restart."""

import sqlite3
from pathlib import Path

BUSY_MS_MAX = 5_000


def open_database(path: Path, *schemas: str) -> sqlite3.Connection:
    """Every statement commits by itself; several in one piece stand in `with connection` after a `BEGIN`.

    Statements take microseconds, so they run on the event loop: what stands between two awaits is one step, which no
    other request can come in between.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_MS_MAX / 1000)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    for schema in schemas:
        connection.executescript(schema)
    return connection
