"""HIS as the activities reach it in a run: our own gateway in front, the simulator's own books behind, no HTTP."""

import json
from pathlib import Path
from typing import Any

from domain.errors import NotSent, Unknown
from gateways.exact_json import parse_object
from gateways.http import HttpCaller, JsonReply
from security.tls import ClientTls
from simulator.core.store import open_database
from simulator.his.books import SCHEMA, Books
from simulator.his.operations import OPERATIONS
from simulator.his.wire import HisRefusal
from tests.property.sides.faults import Faults, Kind, OnItsWay, WorkerDiedError

BOOKINGS = frozenset({"register", "settle"})
_REFUSAL = {"CODE": 1, "MSG": "refused"}


class HisSide(HttpCaller):
    """One run's HIS. `told_again`: the bookings that we sent though HIS had them, or one of ours was on its way."""

    def __init__(self, faults: Faults) -> None:
        super().__init__()
        self._faults = faults
        self._connection = open_database(Path(":memory:"), SCHEMA)
        self.books = Books(self._connection)
        self.on_its_way = OnItsWay()
        self.told_again: list[str] = []

    def close(self) -> None:
        self._connection.close()

    def refunds(self, med_org_ord: str) -> dict[str, int]:
        """Fen by refundNo of what HIS was told of."""
        query = "SELECT refund_no, amount_fen FROM refund WHERE med_org_ord = ?"
        return {row[0]: row[1] for row in self._connection.execute(query, (med_org_ord,))}

    async def post_json(
        self,
        transaction: str,
        url: str,  # noqa: ARG002 - nothing is posted
        body: bytes | dict[str, Any],
        timeout_s: float,  # noqa: ARG002 - the same
        tls: ClientTls | None = None,  # noqa: ARG002 - the same
    ) -> JsonReply:
        if isinstance(body, bytes):
            raise TypeError("HIS takes JSON objects")
        self.on_its_way.deliver()
        kind = self._faults.take(transaction)
        if kind is Kind.NOT_SENT:
            raise NotSent(transaction, "not sent")
        self._watch(transaction, body)
        if kind is Kind.LATE:
            self.on_its_way.post(_name(transaction, body), lambda: self.done(transaction, body))
        if kind is None or kind in {Kind.LOST_AFTER, Kind.REFUSED_AFTER, Kind.DIES_AFTER}:
            answer = self.done(transaction, body)
            if kind is None:
                return _over_the_wire(answer)
        if kind in {Kind.DIES_BEFORE, Kind.DIES_AFTER}:
            raise WorkerDiedError(transaction)
        if kind in {Kind.REFUSED, Kind.REFUSED_AFTER}:
            return _over_the_wire(_REFUSAL)
        raise Unknown(transaction, "no answer")

    def done(self, transaction: str, body: dict[str, Any]) -> dict[str, Any]:
        """What HIS makes of a request that reaches it, whoever sent it."""
        try:
            data = OPERATIONS[transaction](self.books, body)
        except HisRefusal as refusal:
            return {"CODE": 1, "MSG": refusal.message, "REASON": refusal.reason}
        return {"CODE": 0, "MSG": "", "DATA": data or {}}

    def _watch(self, transaction: str, body: dict[str, Any]) -> None:
        if transaction not in BOOKINGS:
            return
        med_org_ord = str(body["medOrgOrd"])
        look = self.books.live_registration if transaction == "register" else self.books.settlement_no
        if look(med_org_ord) is not None or self.on_its_way.holds(_name(transaction, body)):
            self.told_again.append(f"{transaction} {med_org_ord}")


def _over_the_wire(answer: dict[str, Any]) -> JsonReply:
    return JsonReply(200, parse_object(json.dumps(answer)))


def _name(transaction: str, body: dict[str, Any]) -> str:
    return f"{transaction} {body.get('medOrgOrd', '')}"
