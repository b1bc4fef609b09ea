"""The insured, by identity number, and their personal accounts."""

import sqlite3

from stdnum.cn import ric

from domain.fen import Fen
from simulator.insurance.wire import CentreRefusal

BALANCE_FEN_AT_START = Fen(50_000)
INSURED = {"110101199003070134": "张三", "11010119900307109X": "李四"}
NOT_INSURED = frozenset({"110101199003072711"})
"""王五."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS person (id_no TEXT PRIMARY KEY, user_name TEXT NOT NULL, balance_fen INTEGER NOT NULL);
"""


class People:
    """Whoever else comes with a valid identity number is insured from then on, so that any HIS's people can practise.

    Two orders may be pre-settled on the same balance, as in life; here both can be paid: the account is then overdrawn
    and pays nothing more until money comes back.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        for id_no, user_name in INSURED.items():
            self._enrol(id_no, user_name)

    def check_insured(self, id_no: str, user_name: str) -> None:
        """Raises `CentreRefusal` for somebody who isn't, or whose name is another."""
        if not ric.is_valid(id_no):
            raise CentreRefusal("身份证号校验位不正确: idNo")
        if id_no in NOT_INSURED:
            raise CentreRefusal("未查询到参保信息: idNo")
        self._enrol(id_no, user_name)
        row = self._connection.execute("SELECT user_name FROM person WHERE id_no = ?", (id_no,)).fetchone()
        if row["user_name"] != user_name:
            raise CentreRefusal("姓名与参保信息不一致: userName")

    def balance(self, id_no: str) -> Fen:
        """What the account holds, below zero where it is overdrawn."""
        row = self._connection.execute("SELECT balance_fen FROM person WHERE id_no = ?", (id_no,)).fetchone()
        return Fen(row["balance_fen"])

    def move(self, id_no: str, amount: Fen | int) -> None:
        """Into the account; out of it with a minus."""
        self._connection.execute("UPDATE person SET balance_fen = balance_fen + ? WHERE id_no = ?", (amount, id_no))

    def _enrol(self, id_no: str, user_name: str) -> None:
        insert = "INSERT OR IGNORE INTO person VALUES (?, ?, ?)"
        self._connection.execute(insert, (id_no, user_name, BALANCE_FEN_AT_START))
