"""The HIS simulator's application: the operations of docs/his-port.md, and control calls."""

import json
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from aiohttp import web

from domain.values.fen import yuan
from simulator.core.endpoint import Answer, Done, Read, endpoint
from simulator.core.faults import FaultKind
from simulator.core.server import ControlError, answered, asked, new_app
from simulator.core.store import Store, Verdict
from simulator.his.books import SCHEMA, Books
from simulator.his.catalogue import PEOPLE
from simulator.his.operations import OPERATIONS, Operation
from simulator.his.wire import HisRefusal, NewBill

FAULTS = frozenset(FaultKind) - {FaultKind.BAD_SIGNATURE, FaultKind.WRONG_AMOUNT, FaultKind.EXP}


@dataclass(frozen=True)
class HisCall:
    books: Books
    operation: Operation
    body: dict[str, Any]

    @property
    def med_org_ord(self) -> str:
        return _text(self.body.get("medOrgOrd"))

    @property
    def pay_ord_id(self) -> str:
        return _text(self.body.get("payOrdId"))

    async def apply(self, _: FaultKind | None) -> Done:
        try:
            data = self.operation(self.books, self.body)
        except HisRefusal as refusal:
            return Done(Verdict.REFUSED, _refused(refusal))
        verdict = Verdict.REPLAYED if data is None else Verdict.APPLIED
        return Done(verdict, {"CODE": 0, "MSG": "", "DATA": data or {}})

    async def refuse(self, message: str) -> Answer:
        return _refused(HisRefusal(message))


def build_app(database: Path) -> web.Application:
    """The server's application. `database`: its SQLite file, created if missing."""
    store = Store.open(database, SCHEMA, dict.fromkeys(OPERATIONS, FAULTS))
    books = Books(store.connection)
    app = new_app(store)
    for txn, operation in OPERATIONS.items():
        app.router.add_post(f"/{txn.replace('_', '-')}", endpoint(store, txn, _reader(books, operation)))
    _add_his_control_routes(app, books)
    return app


def _reader(books: Books, operation: Operation) -> Read:
    async def read(content: bytes) -> HisCall | Done:
        try:
            body = json.loads(content)
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            return Done(Verdict.REFUSED, _refused(HisRefusal("请求不是JSON对象")))
        return HisCall(books, operation, body)

    return read


def _add_his_control_routes(app: web.Application, books: Books) -> None:
    async def settlements(request: web.Request) -> web.Response:
        return answered(books.settlements(request.query.get("medOrgOrd")))

    async def registrations(request: web.Request) -> web.Response:
        return answered(books.registrations(request.query.get("medOrgOrd")))

    async def add_bill(request: web.Request) -> web.Response:
        bill = await asked(request, NewBill)
        if bill.patient_id not in PEOPLE:
            raise ControlError(HTTPStatus.UNPROCESSABLE_ENTITY, "PATIENT_ID: no such patient")
        if not books.add_bill(bill):
            raise ControlError(HTTPStatus.CONFLICT, "ORDER_ID: there is such a bill")
        return answered({"ORDER_ID": bill.order_id, "PATIENT_ID": bill.patient_id, "amount": yuan(bill.amount_fen)})

    app.router.add_get("/_sim/settlements", settlements)
    app.router.add_get("/_sim/registrations", registrations)
    app.router.add_post("/_sim/bills", add_bill)


def _refused(refusal: HisRefusal) -> Answer:
    answer = {"CODE": -1, "MSG": refusal.message}
    return answer | {"REASON": refusal.reason} if refusal.reason else answer


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
