"""Insured people, by identity number, and their personal accounts."""

import re
import sqlite3
from datetime import datetime

from domain.values.china_time import CHINA
from domain.values.fen import Fen
from domain.values.identity import Document
from simulator.insurance.wire import CentreRefusal

BALANCE_FEN_AT_START = Fen(50_000)
INSURED = {"110101199003070134": "张三", "11010119900307109X": "李四"}
NOT_INSURED = frozenset({"110101199003072711"})
"""王五."""

_ID_NO = re.compile(r"[1-9][0-9]{16}[0-9X]", re.ASCII)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_CHARS = "10X98765432"
_PERMITS = {
    "81": Document.RESIDENCE_PERMIT_HONG_KONG,
    "82": Document.RESIDENCE_PERMIT_MACAO,
    "83": Document.RESIDENCE_PERMIT_TAIWAN,
}

SCHEMA = """
CREATE TABLE IF NOT EXISTS person (id_no TEXT PRIMARY KEY, user_name TEXT NOT NULL, balance_fen INTEGER NOT NULL);
"""


class People:
    """Anyone else with a valid identity number is enrolled when first seen, so that any HIS's patients can be used.

    Two orders may be pre-settled on the same balance, as in reality. Here both can also be paid, which overdraws the
    account; it then pays nothing until money comes back.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        for id_no, user_name in INSURED.items():
            self._enrol(id_no, user_name)

    def check_insured(self, id_no: str, user_name: str) -> None:
        """Raises `CentreRefusal` for someone who is not insured, or under another name."""
        _check_number(id_no)
        if id_no in NOT_INSURED:
            raise CentreRefusal("未查询到参保信息: idNo")
        self._enrol(id_no, user_name)
        row = self._connection.execute("SELECT user_name FROM person WHERE id_no = ?", (id_no,)).fetchone()
        if row["user_name"] != user_name:
            raise CentreRefusal("姓名与参保信息不一致: userName")

    def balance(self, id_no: str) -> Fen:
        """The account's balance, negative if overdrawn."""
        row = self._connection.execute("SELECT balance_fen FROM person WHERE id_no = ?", (id_no,)).fetchone()
        return Fen(row["balance_fen"])

    def move(self, id_no: str, amount: Fen | int) -> None:
        """Add fen to the account; a negative amount takes them out."""
        self._connection.execute("UPDATE person SET balance_fen = balance_fen + ? WHERE id_no = ?", (amount, id_no))

    def _enrol(self, id_no: str, user_name: str) -> None:
        insert = "INSERT OR IGNORE INTO person VALUES (?, ?, ?)"
        self._connection.execute(insert, (id_no, user_name, BALANCE_FEN_AT_START))


def document_named(id_no: str) -> Document:
    """By the standard's first digits: 9 of foreigners, 81 to 83 of residents from Hong Kong, Macao and Taiwan."""
    if id_no.startswith("9"):
        return Document.FOREIGN_PERMANENT_RESIDENCE
    return _PERMITS.get(id_no[:2], Document.RESIDENT_IDENTITY_CARD)


def _check_number(id_no: str) -> None:
    """By the standard's own table of weights, not by the product's arithmetic: each would show the other's mistake."""
    if not _ID_NO.fullmatch(id_no):
        raise CentreRefusal("身份证号格式不正确: idNo")
    try:
        datetime.strptime(id_no[6:14], "%Y%m%d").replace(tzinfo=CHINA)
    except ValueError:
        raise CentreRefusal("身份证号出生日期不正确: idNo") from None
    total = sum(int(digit) * weight for digit, weight in zip(id_no[:17], _WEIGHTS, strict=True))
    if _CHECK_CHARS[total % 11] != id_no[17]:
        raise CentreRefusal("身份证号校验位不正确: idNo")
