"""Everything that payments leave behind: bytes of files, cells of databases, Temporal's answers, exports."""

import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from temporalio.client import Client

from settings import Settings
from tests.support.stack.medpay_up import medpay_environment, run_medpay

OURS = ("medpay.db*", "temporal.db*")
_FILES_IN = """
    WITH RECURSIVE entry(path, dir) AS (
        SELECT 'base/' || oid, true FROM pg_database WHERE datname = current_database()
        UNION ALL SELECT unnest(ARRAY['pg_wal', 'global']), true
        UNION ALL
        SELECT entry.path || '/' || name, (pg_stat_file(entry.path || '/' || name)).isdir
        FROM entry, LATERAL pg_ls_dir(entry.path) name WHERE entry.dir
    )
    SELECT path FROM entry WHERE NOT dir
"""


def files(folder: Path) -> dict[str, bytes]:
    """Each database with its write-ahead log, and each process's log."""
    paths = [path for pattern in OURS for path in folder.glob(pattern)]
    return {path.name: path.read_bytes() for path in (*paths, *(folder / "logs").iterdir())}


def cells(folder: Path) -> dict[str, bytes]:
    """Each table's values one by one: in the file a long one is spread over pages."""
    found: dict[str, bytes] = {}
    for file in (folder / "medpay.db", folder / "temporal.db"):
        if not file.exists():
            continue
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
            database.text_factory = bytes
            tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for (table,) in tables:
                rows = database.execute(f'SELECT * FROM "{table.decode()}"').fetchall()  # noqa: S608 - its own name
                found[f"{file.name}:{table.decode()}"] = b"\n".join(_bytes(cell) for row in rows for cell in row)
    return found


def _bytes(cell: object) -> bytes:
    return cell if isinstance(cell, bytes) else str(cell).encode()


async def postgres_files(url: str) -> dict[str, bytes]:
    """Every byte of a PostgreSQL server's tables and of its write-ahead log, as a thief of the disk has them."""
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as connection:
            await connection.execute(text("CHECKPOINT"))
            paths = (await connection.execute(text(_FILES_IN))).scalars().all()
            read = text("SELECT pg_read_binary_file(:path, 0, 1000000000, true)")
            contents = {path: (await connection.execute(read, {"path": path})).scalar() for path in paths}
    finally:
        await engine.dispose()
    return {path: bytes(content) for path, content in contents.items() if content}


async def workflows(settings: Settings) -> AsyncIterator[tuple[str, bytes]]:
    """Of each workflow, what Temporal tells without a key: description with search attributes and memo, history."""
    client = await Client.connect(settings.temporal_address, namespace=settings.temporal_namespace)
    async for listed in client.list_workflows():
        handle = client.get_workflow_handle(listed.id, run_id=listed.run_id)
        described = (await handle.describe()).raw_description
        yield f"{listed.id} listed", listed.raw_info.SerializeToString()
        yield f"{listed.id} described", described.SerializeToString() + str(described).encode()
        yield f"{listed.id} history", (await handle.fetch_history()).to_json().encode()


async def exported(settings: Settings, folder: Path, number: str, *more: str) -> bytes:
    """What `medpay audit export` writes for one payment."""
    file = folder / f"{number}{len(more)}.json"
    environment = medpay_environment(
        settings.data_dir,
        MEDPAY_TEMPORAL_ADDRESS=settings.temporal_address,
        MEDPAY_TEMPORAL_NAMESPACE=settings.temporal_namespace,
        MEDPAY_DATABASE_URL=settings.database,
    )
    command = ("audit", "export", "--payment", number, "--output", str(file), *more)
    code, output, errors = await run_medpay(*command, cwd=Path.cwd(), environment=environment)
    assert code == 0, (sys.executable, output, errors)
    return file.read_bytes() + output.encode() + errors.encode()
