"""One simulator's state, opened once per process."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from simulator.core import calls, faults
from simulator.core.calls import CallLog
from simulator.core.database import open_database
from simulator.core.faults import FaultKind, FaultTable


@dataclass(frozen=True)
class Store:
    connection: sqlite3.Connection
    calls: CallLog
    faults: FaultTable

    @classmethod
    def open(cls, path: Path, schema: str, possible_faults: Mapping[str, frozenset[FaultKind]]) -> Self:
        """`schema`: the simulator's own tables. `possible_faults`: its transactions, and what each can have."""
        connection = open_database(path, calls.SCHEMA, faults.SCHEMA, schema)
        return cls(connection, CallLog(connection), FaultTable(connection, possible_faults))
