"""A simulator's state in SQLite, opened once per process, with the log of every call received (contract 2.6)."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Self

from domain.values.china_time import to_china
from simulator.core.faults import FAULTS_SCHEMA, Fault, FaultKind, FaultTable

ROWS_MAX = 10_000
BUSY_MS_MAX = 5_000

CALLS_SCHEMA = """
CREATE TABLE IF NOT EXISTS sim_call (
    id INTEGER PRIMARY KEY, txn TEXT NOT NULL, med_org_ord TEXT NOT NULL, pay_ord_id TEXT NOT NULL, at TEXT NOT NULL,
    verdict TEXT, fault TEXT);
CREATE INDEX IF NOT EXISTS sim_call_med_org_ord ON sim_call (med_org_ord);
"""


class Verdict(StrEnum):
    APPLIED = "applied"
    REPLAYED = "replayed"
    """A repeat: answered again, nothing done."""
    REFUSED = "refused"
    FAILED = "failed"
    """Neither done nor answered: because of a fault, or because the simulator was stopped."""


class CallLog:
    """The calls in order of arrival. A call that is still being delayed has no verdict yet."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        interrupted = "UPDATE sim_call SET verdict = ? WHERE verdict IS NULL"
        connection.execute(interrupted, (Verdict.FAILED,))

    def begin(self, txn: str, med_org_ord: str, pay_ord_id: str, fault: Fault | None) -> int:
        insert = "INSERT INTO sim_call (txn, med_org_ord, pay_ord_id, at, fault) VALUES (?, ?, ?, ?, ?) RETURNING id"
        values = (txn, med_org_ord, pay_ord_id, to_china(datetime.now(UTC)), fault.kind if fault else None)
        return int(self._connection.execute(insert, values).fetchone()[0])

    def finish(self, call_id: int, verdict: Verdict, pay_ord_id: str = "") -> None:
        """`pay_ord_id`: of the order that the call created, as 6201 does."""
        update = "UPDATE sim_call SET verdict = ?, pay_ord_id = coalesce(nullif(?, ''), pay_ord_id) WHERE id = ?"
        self._connection.execute(update, (verdict, pay_ord_id, call_id))

    def rows(self, med_org_ord: str | None) -> list[dict[str, str | None]]:
        """The newest `ROWS_MAX` calls, oldest first. `med_org_ord`: None for those of all payments."""
        query = """SELECT * FROM (
            SELECT * FROM sim_call WHERE ?1 IS NULL OR med_org_ord = ?1 ORDER BY id DESC LIMIT ?2) ORDER BY id"""
        return [_shown(row) for row in self._connection.execute(query, (med_org_ord, ROWS_MAX))]


def _shown(row: sqlite3.Row) -> dict[str, str | None]:
    call = {
        "txn": row["txn"],
        "medOrgOrd": row["med_org_ord"],
        "payOrdId": row["pay_ord_id"],
        "at": row["at"],
        "verdict": row["verdict"],
    }
    return call | {"fault": row["fault"]} if row["fault"] else call


@dataclass(frozen=True)
class Store:
    connection: sqlite3.Connection
    calls: CallLog
    faults: FaultTable

    @classmethod
    def open(cls, path: Path, schema: str, possible_faults: Mapping[str, frozenset[FaultKind]]) -> Self:
        """`schema`: the simulator's own tables. `possible_faults`: the kinds of fault of each transaction."""
        connection = open_database(path, CALLS_SCHEMA, FAULTS_SCHEMA, schema)
        return cls(connection, CallLog(connection), FaultTable(connection, possible_faults))


def open_database(path: Path, *schemas: str) -> sqlite3.Connection:
    """A connection in autocommit mode; for several statements in one transaction use `with connection` and `BEGIN`.

    Statements take microseconds, so they run on the event loop: what happens between two awaits is atomic to other
    requests.
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
