"""The log of every call received (contract: `GET /_sim/calls`)."""

import sqlite3
from datetime import UTC, datetime
from enum import StrEnum

from domain.china_time import to_china
from simulator.core.faults import Fault

ROWS_MAX = 10_000

SCHEMA = """
CREATE TABLE IF NOT EXISTS sim_call (
    id INTEGER PRIMARY KEY, txn TEXT NOT NULL, med_org_ord TEXT NOT NULL, pay_ord_id TEXT NOT NULL, at TEXT NOT NULL,
    verdict TEXT, fault TEXT);
CREATE INDEX IF NOT EXISTS sim_call_med_org_ord ON sim_call (med_org_ord);
"""


class Verdict(StrEnum):
    APPLIED = "applied"
    REPLAYED = "replayed"
    """Known from before: answered again, nothing done."""
    REFUSED = "refused"
    FAILED = "failed"
    """Nothing done and nothing said: a fault, or the simulator was stopped."""


class CallLog:
    """In the order of arrival. A call that is being held up is listed without a verdict."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        interrupted = "UPDATE sim_call SET verdict = ? WHERE verdict IS NULL"
        connection.execute(interrupted, (Verdict.FAILED,))

    def begin(self, txn: str, med_org_ord: str, pay_ord_id: str, fault: Fault | None) -> int:
        insert = "INSERT INTO sim_call (txn, med_org_ord, pay_ord_id, at, fault) VALUES (?, ?, ?, ?, ?) RETURNING id"
        values = (txn, med_org_ord, pay_ord_id, to_china(datetime.now(UTC)), fault.kind if fault else None)
        return int(self._connection.execute(insert, values).fetchone()[0])

    def finish(self, call_id: int, verdict: Verdict, pay_ord_id: str = "") -> None:
        """`pay_ord_id`: where the call brought it about itself, as 6201 does."""
        update = "UPDATE sim_call SET verdict = ?, pay_ord_id = coalesce(nullif(?, ''), pay_ord_id) WHERE id = ?"
        self._connection.execute(update, (verdict, pay_ord_id, call_id))

    def rows(self, med_org_ord: str | None) -> list[dict[str, str | None]]:
        """The newest `ROWS_MAX` calls, oldest first; None: of all payments."""
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
