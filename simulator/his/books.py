"""HIS's records of bills, registrations, settlements and refunds, in SQLite. Amounts in fen, times as text in UTC+8."""

import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime

from domain.values.china_time import to_china
from domain.values.fen import yuan
from simulator.his.catalogue import PRESCRIPTIONS, VISITS, Prescription, endless_bill, plain_bill
from simulator.his.wire import CancelAsked, NewBill, RefundAsked, RegisterAsked, SettleAsked

SCHEMA = """
CREATE TABLE IF NOT EXISTS bill (
    order_id TEXT PRIMARY KEY, patient_id TEXT NOT NULL, amount_fen INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS registration (
    id INTEGER PRIMARY KEY, med_org_ord TEXT NOT NULL, patient_id TEXT NOT NULL, clinic_id TEXT NOT NULL,
    at TEXT NOT NULL, cancelled INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS registration_med_org_ord ON registration (med_org_ord);
CREATE TABLE IF NOT EXISTS settlement (
    id INTEGER PRIMARY KEY, med_org_ord TEXT NOT NULL, patient_id TEXT NOT NULL, category TEXT NOT NULL,
    clinic_id TEXT, visit_id TEXT, pay_ord_id TEXT NOT NULL, fee_sum_fen INTEGER NOT NULL, own_pay_fen INTEGER NOT NULL,
    psn_acct_fen INTEGER NOT NULL, fund_fen INTEGER NOT NULL, trace_time TEXT NOT NULL, setl_type TEXT NOT NULL,
    at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS settlement_med_org_ord ON settlement (med_org_ord);
CREATE TABLE IF NOT EXISTS settled_bill (
    order_id TEXT NOT NULL, settlement_id INTEGER NOT NULL REFERENCES settlement (id));
CREATE INDEX IF NOT EXISTS settled_bill_order_id ON settled_bill (order_id);
CREATE TABLE IF NOT EXISTS refund (
    med_org_ord TEXT NOT NULL, refund_no TEXT NOT NULL, amount_fen INTEGER NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (med_org_ord, refund_no));
"""

_PAID_UNDER = """
SELECT med_org_ord FROM settled_bill JOIN settlement ON settlement.id = settlement_id
WHERE order_id = ? AND fee_sum_fen > (
    SELECT coalesce(sum(amount_fen), 0) FROM refund WHERE refund.med_org_ord = settlement.med_org_ord)
"""


class Books:
    """`connection`: opened by `simulator.core.store`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def bill(self, order_id: str, patient_id: str) -> Prescription | None:
        """The prescription, of whichever patient. An endless bill belongs to `patient_id`."""
        if order_id in PRESCRIPTIONS:
            return PRESCRIPTIONS[order_id]
        row = self._one("SELECT patient_id, amount_fen FROM bill WHERE order_id = ?", order_id)
        return plain_bill(order_id, *row) if row else endless_bill(order_id, patient_id)

    def add_bill(self, bill: NewBill) -> bool:
        """False if there is a prescription with this number already."""
        if bill.order_id in PRESCRIPTIONS:
            return False
        values = (bill.order_id, bill.patient_id, bill.amount_fen)
        return self._connection.execute("INSERT OR IGNORE INTO bill VALUES (?, ?, ?)", values).rowcount == 1

    def paid_under(self, order_id: str) -> list[str]:
        """The medOrgOrds that paid for a prescription and were not refunded in full."""
        return [row[0] for row in self._connection.execute(_PAID_UNDER, (order_id,))]

    def visit_patient(self, visit_id: str) -> str | None:
        """The PATIENT_ID of a visit that is not cancelled."""
        if visit_id in VISITS:
            return VISITS[visit_id]
        row = self._one("SELECT patient_id FROM registration WHERE id = ? AND NOT cancelled", _row_of(visit_id))
        return str(row[0]) if row else None

    def register(self, asked: RegisterAsked) -> str:
        """A new visit on every call; its VISIT_ID."""
        values = (asked.med_org_ord, asked.patient_id, asked.clinic_id, _now())
        insert = "INSERT INTO registration (med_org_ord, patient_id, clinic_id, at) VALUES (?, ?, ?, ?) RETURNING id"
        return _visit_id(self._inserted(insert, values))

    def live_registration(self, med_org_ord: str) -> tuple[str, str] | None:
        """VISIT_ID and PATIENT_ID of the first visit for `med_org_ord` that is not cancelled."""
        query = "SELECT id, patient_id FROM registration WHERE med_org_ord = ? AND NOT cancelled ORDER BY id"
        row = self._one(query, med_org_ord)
        return (_visit_id(row[0]), row[1]) if row else None

    def is_cancelled(self, asked: CancelAsked) -> bool | None:
        """None if no such visit was created for this medOrgOrd and patient."""
        query = "SELECT cancelled FROM registration WHERE id = ? AND med_org_ord = ? AND patient_id = ?"
        row = self._one(query, _row_of(asked.visit_id), asked.med_org_ord, asked.patient_id)
        return bool(row[0]) if row else None

    def cancel(self, asked: CancelAsked) -> None:
        self._connection.execute("UPDATE registration SET cancelled = 1 WHERE id = ?", (_row_of(asked.visit_id),))

    def settle(self, asked: SettleAsked, order_ids: Iterable[str]) -> str:
        """A new settlement on every call; its number."""
        fields = {**asked.model_dump(exclude={"order_id", "other_fen", "hospital_part_fen"}), "at": _now()}
        columns, marks = ", ".join(fields), ", ".join("?" * len(fields))
        insert = f"INSERT INTO settlement ({columns}) VALUES ({marks}) RETURNING id"  # noqa: S608 - own field names
        with self._connection:
            self._connection.execute("BEGIN")
            number = self._inserted(insert, tuple(fields.values()))
            bills = [(order_id, number) for order_id in order_ids]
            self._connection.executemany("INSERT INTO settled_bill VALUES (?, ?)", bills)
        return _settlement_no(number)

    def settlement_no(self, med_org_ord: str) -> str | None:
        row = self._one("SELECT id FROM settlement WHERE med_org_ord = ? ORDER BY id", med_org_ord)
        return _settlement_no(row[0]) if row else None

    def left_to_refund(self, med_org_ord: str) -> int | None:
        """In fen, of the first settlement; None if HIS has booked none."""
        row = self._one("SELECT fee_sum_fen FROM settlement WHERE med_org_ord = ? ORDER BY id", med_org_ord)
        back = self._one("SELECT coalesce(sum(amount_fen), 0) FROM refund WHERE med_org_ord = ?", med_org_ord)
        return int(row[0]) - int(back[0]) if row and back else None

    def refunded(self, asked: RefundAsked) -> int | None:
        """The fen of a refund already recorded, else None."""
        query = "SELECT amount_fen FROM refund WHERE med_org_ord = ? AND refund_no = ?"
        row = self._one(query, asked.med_org_ord, asked.refund_no)
        return int(row[0]) if row else None

    def refund(self, asked: RefundAsked) -> None:
        values = (asked.med_org_ord, asked.refund_no, asked.amount_fen, _now())
        self._connection.execute("INSERT INTO refund VALUES (?, ?, ?, ?)", values)

    def registrations(self, med_org_ord: str | None) -> list[dict[str, object]]:
        """The control call's rows, oldest first; None: all."""
        query = "SELECT * FROM registration WHERE ?1 IS NULL OR med_org_ord = ?1 ORDER BY id"
        return [_registration(row) for row in self._connection.execute(query, (med_org_ord,))]

    def settlements(self, med_org_ord: str | None) -> list[dict[str, object]]:
        """The control call's rows, oldest first; None: all."""
        query = """SELECT settlement.*, (SELECT group_concat(order_id, '|') FROM settled_bill
            WHERE settlement_id = settlement.id) AS order_ids
            FROM settlement WHERE ?1 IS NULL OR med_org_ord = ?1 ORDER BY id"""
        return [_settlement(row) for row in self._connection.execute(query, (med_org_ord,))]

    def _one(self, query: str, *values: object) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._connection.execute(query, values).fetchone()
        return row

    def _inserted(self, insert: str, values: tuple[object, ...]) -> int:
        return int(self._connection.execute(insert, values).fetchone()[0])


def _registration(row: sqlite3.Row) -> dict[str, object]:
    return {
        "medOrgOrd": row["med_org_ord"],
        "VISIT_ID": _visit_id(row["id"]),
        "PATIENT_ID": row["patient_id"],
        "CLINIC_ID": row["clinic_id"],
        "cancelled": bool(row["cancelled"]),
    }


def _settlement(row: sqlite3.Row) -> dict[str, object]:
    amounts = {
        "feeSumamt": yuan(row["fee_sum_fen"]),
        "ownPayAmt": yuan(row["own_pay_fen"]),
        "psnAcctPay": yuan(row["psn_acct_fen"]),
        "fundPay": yuan(row["fund_fen"]),
    }
    return {
        "medOrgOrd": row["med_org_ord"],
        "settlementNo": _settlement_no(row["id"]),
        "VISIT_ID": row["visit_id"] or "",
        **amounts,
        "amounts": amounts,
        "PATIENT_ID": row["patient_id"],
        "CATEGORY": row["category"],
        "CLINIC_ID": row["clinic_id"] or "",
        "ORDER_ID": row["order_ids"] or "",
        "payOrdId": row["pay_ord_id"],
        "traceTime": row["trace_time"],
        "setlType": row["setl_type"],
    }


def _visit_id(row_id: int) -> str:
    return f"V{10_000 + row_id}"


def _row_of(visit_id: str) -> int:
    """The registration's row, or -1 if it can't be one, like V1 to V3."""
    digits = visit_id.removeprefix("V")
    plausible = visit_id.startswith("V") and digits.isdecimal() and len(digits) <= 12
    return int(digits) - 10_000 if plausible and _visit_id(int(digits) - 10_000) == visit_id else -1


def _settlement_no(row_id: int) -> str:
    return f"S{10_000 + row_id}"


def _now() -> str:
    return to_china(datetime.now(UTC))
