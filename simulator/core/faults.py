"""Faults to inject into the next calls (contract 2.6: `POST /_sim/faults`)."""

import sqlite3
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

FOR_EVER = -1
SECONDS_MAX = 3_600
TIMES_MAX = 1_000_000

FAULTS_SCHEMA = """
CREATE TABLE IF NOT EXISTS sim_fault (
    id INTEGER PRIMARY KEY, txn TEXT NOT NULL, kind TEXT NOT NULL, times INTEGER NOT NULL, seconds REAL NOT NULL,
    message TEXT NOT NULL);
"""


class FaultKind(StrEnum):
    DELAY = "delay"
    """Sleeps, then applies, even if the caller has left."""
    REFUSE = "refuse"
    """Answers a business error with the message; not applied."""
    HTTP_500 = "http_500"
    """Not applied."""
    DROP_BEFORE = "drop_before"
    """The connection closes; not applied."""
    DROP_AFTER = "drop_after"
    """Applied, then the connection closes: the lost reply."""
    GARBAGE = "garbage"
    """Applied; the answer is not JSON."""
    BAD_SIGNATURE = "bad_signature"
    """Applied; the answer's signature is spoilt."""
    WRONG_AMOUNT = "wrong_amount"
    """Applied; in the answer the parts differ from the sum by one fen."""
    EXP = "exp"
    """Applied; the answer says that the outcome is unknown (refStatus EXP)."""


class Fault(BaseModel):
    """`times`: how many calls it affects, -1 for all. `seconds`: of a delay. `message`: of a refusal."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    txn: str
    kind: Annotated[FaultKind, Field(strict=False)]
    times: Annotated[int, Field(ge=FOR_EVER, le=TIMES_MAX)] = 1
    seconds: Annotated[float, Field(ge=0, le=SECONDS_MAX, allow_inf_nan=False)] | None = None
    message: Annotated[str, Field(min_length=1, max_length=200)] = "模拟拒绝"

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.times == 0:
            raise ValueError("times must be at least 1, or -1 for ever")
        if self.kind is FaultKind.DELAY and self.seconds is None:
            raise ValueError("a delay needs seconds")
        return self


class FaultTable:
    """The faults waiting for their calls. `possible`: the kinds of fault of each transaction of this simulator."""

    def __init__(self, connection: sqlite3.Connection, possible: Mapping[str, frozenset[FaultKind]]) -> None:
        self._connection = connection
        self._possible = possible

    def add(self, fault: Fault) -> None:
        """Raises ValueError for a transaction or a kind that this simulator doesn't have."""
        if fault.txn not in self._possible:
            raise ValueError(f"txn must be one of {', '.join(self._possible)}")
        if fault.kind not in self._possible[fault.txn]:
            raise ValueError(f"{fault.txn} can have no {fault.kind}")
        values = (fault.txn, fault.kind, fault.times, fault.seconds or 0, fault.message)
        insert = "INSERT INTO sim_fault (txn, kind, times, seconds, message) VALUES (?, ?, ?, ?, ?)"
        self._connection.execute(insert, values)

    def take(self, txn: str) -> Fault | None:
        """The fault for this call of `txn`, if any. Those with a count come first, in the order they were added."""
        query = """SELECT * FROM sim_fault WHERE txn = ?
            ORDER BY times = -1, CASE times WHEN -1 THEN -id ELSE id END LIMIT 1"""
        row = self._connection.execute(query, (txn,)).fetchone()
        if row is None:
            return None
        if row["times"] > 1:
            self._connection.execute("UPDATE sim_fault SET times = times - 1 WHERE id = ?", (row["id"],))
        elif row["times"] != FOR_EVER:
            self._connection.execute("DELETE FROM sim_fault WHERE id = ?", (row["id"],))
        return _fault(row)

    def waiting(self) -> list[Fault]:
        """The faults that have not been used up."""
        return [_fault(row) for row in self._connection.execute("SELECT * FROM sim_fault ORDER BY id")]

    def clear(self) -> int:
        """Remove all; how many there were."""
        return self._connection.execute("DELETE FROM sim_fault").rowcount


def _fault(row: sqlite3.Row) -> Fault:
    return Fault(txn=row["txn"], kind=row["kind"], times=row["times"], seconds=row["seconds"], message=row["message"])
