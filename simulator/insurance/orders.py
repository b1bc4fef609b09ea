"""The centre's orders and refunds, in SQLite. Amounts in fen, times as text in UTC+8."""

import sqlite3
from typing import Any

from domain.base import Frozen
from domain.insurance import RefundType, Split
from domain.values.fen import Fen

ROWS_MAX = 10_000

SCHEMA = """
CREATE TABLE IF NOT EXISTS pay_order (
    id INTEGER PRIMARY KEY, pay_ord_id TEXT NOT NULL UNIQUE, med_org_ord TEXT NOT NULL UNIQUE, pay_token TEXT NOT NULL,
    id_no TEXT NOT NULL, user_name TEXT NOT NULL, mdtrt_id TEXT NOT NULL, chrg_bchno TEXT NOT NULL,
    fee_type TEXT NOT NULL, ord_stas INTEGER NOT NULL DEFAULT 0, fee_sum_fen INTEGER NOT NULL, own_pay_fen INTEGER,
    psn_acct_fen INTEGER, fund_fen INTEGER, trace_time TEXT, revs_token TEXT);
CREATE TABLE IF NOT EXISTS refund (
    id INTEGER PRIMARY KEY, app_refd_sn TEXT NOT NULL UNIQUE,
    pay_ord_id TEXT NOT NULL REFERENCES pay_order (pay_ord_id), refd_sn TEXT NOT NULL, refd_type TEXT NOT NULL,
    total_fen INTEGER NOT NULL, psn_acct_fen INTEGER NOT NULL, fund_fen INTEGER NOT NULL, cash_fen INTEGER NOT NULL,
    at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS refund_pay_ord_id ON refund (pay_ord_id);
CREATE TABLE IF NOT EXISTS authorisation (pay_auth_no TEXT PRIMARY KEY, med_org_ord TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS business_serial (org_biz_ser TEXT PRIMARY KEY);
"""


class NewOrder(Frozen):
    """An order as 6201 creates it: ordStas 0, not yet split."""

    pay_ord_id: str
    med_org_ord: str
    pay_token: str
    id_no: str
    user_name: str
    mdtrt_id: str
    chrg_bchno: str
    fee_type: str
    fee_sum_fen: Fen


class CentreOrder(NewOrder):
    """`trace_time` and `revs_token`: empty until settled."""

    ord_stas: int
    split: Split | None
    trace_time: str
    revs_token: str


class CentreRefund(Frozen):
    """`at`: when it was made."""

    app_refd_sn: str
    pay_ord_id: str
    refd_sn: str
    refd_type: RefundType
    total_fen: Fen
    psn_acct_fen: Fen
    fund_fen: Fen
    cash_fen: Fen
    at: str


class Orders:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, order: NewOrder) -> None:
        self._insert("pay_order", order.model_dump())

    def find(self, pay_ord_id: str) -> CentreOrder | None:
        return self._order("SELECT * FROM pay_order WHERE pay_ord_id = ?", pay_ord_id)

    def of_hospital(self, med_org_ord: str) -> CentreOrder | None:
        return self._order("SELECT * FROM pay_order WHERE med_org_ord = ?", med_org_ord)

    def listed(self, med_org_ord: str | None) -> list[CentreOrder]:
        """The newest `ROWS_MAX` orders, oldest first. `med_org_ord`: None for all."""
        query = """SELECT * FROM (
            SELECT * FROM pay_order WHERE ?1 IS NULL OR med_org_ord = ?1 ORDER BY id DESC LIMIT ?2) ORDER BY id"""
        return [_order_of(row) for row in self._connection.execute(query, (med_org_ord, ROWS_MAX))]

    def pre_settle(self, pay_ord_id: str, split: Split) -> None:
        """Set ordStas 1 and the split."""
        update = """UPDATE pay_order SET ord_stas = 1, own_pay_fen = ?, psn_acct_fen = ?, fund_fen = ?
            WHERE pay_ord_id = ?"""
        self._connection.execute(update, (split.own_pay_fen, split.psn_acct_fen, split.fund_fen, pay_ord_id))

    def set_status(self, pay_ord_id: str, ord_stas: int) -> None:
        self._connection.execute("UPDATE pay_order SET ord_stas = ? WHERE pay_ord_id = ?", (ord_stas, pay_ord_id))

    def settle(self, pay_ord_id: str, trace_time: str, revs_token: str) -> None:
        """Set ordStas 6."""
        update = "UPDATE pay_order SET ord_stas = 6, trace_time = ?, revs_token = ? WHERE pay_ord_id = ?"
        self._connection.execute(update, (trace_time, revs_token, pay_ord_id))

    def take_authorisation(self, pay_auth_no: str, med_org_ord: str) -> bool:
        """Whether the payAuthNo is free, or already this medOrgOrd's."""
        insert = "INSERT OR IGNORE INTO authorisation VALUES (?, ?)"
        self._connection.execute(insert, (pay_auth_no, med_org_ord))
        query = "SELECT med_org_ord FROM authorisation WHERE pay_auth_no = ?"
        return bool(self._connection.execute(query, (pay_auth_no,)).fetchone()[0] == med_org_ord)

    def take_serial(self, org_biz_ser: str) -> bool:
        """Whether the orgBizSer is new."""
        insert = "INSERT OR IGNORE INTO business_serial VALUES (?)"
        return self._connection.execute(insert, (org_biz_ser,)).rowcount == 1

    def add_refund(self, refund: CentreRefund) -> None:
        self._insert("refund", refund.model_dump())

    def find_refund(self, app_refd_sn: str) -> CentreRefund | None:
        row = self._connection.execute("SELECT * FROM refund WHERE app_refd_sn = ?", (app_refd_sn,)).fetchone()
        return _refund_of(row) if row else None

    def refunds(self, pay_ord_id: str) -> list[CentreRefund]:
        rows = self._connection.execute("SELECT * FROM refund WHERE pay_ord_id = ? ORDER BY id", (pay_ord_id,))
        return [_refund_of(row) for row in rows]

    def _order(self, query: str, value: str) -> CentreOrder | None:
        row = self._connection.execute(query, (value,)).fetchone()
        return _order_of(row) if row else None

    def _insert(self, table: str, fields: dict[str, Any]) -> None:
        columns, marks = ", ".join(fields), ", ".join("?" * len(fields))
        insert = f"INSERT INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608 - own table and field names
        self._connection.execute(insert, tuple(fields.values()))


def _order_of(row: sqlite3.Row) -> CentreOrder:
    facts = {name: row[name] for name in NewOrder.model_fields}
    parts = {name: row[name] for name in ("fee_sum_fen", "own_pay_fen", "psn_acct_fen", "fund_fen")}
    return CentreOrder(
        **facts,
        ord_stas=row["ord_stas"],
        split=None if row["fund_fen"] is None else Split(**parts),
        trace_time=row["trace_time"] or "",
        revs_token=row["revs_token"] or "",
    )


def _refund_of(row: sqlite3.Row) -> CentreRefund:
    return CentreRefund(**{name: row[name] for name in CentreRefund.model_fields})
