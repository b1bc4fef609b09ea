"""What the centre, HIS, our records and Temporal have of every payment when a campaign has come to rest."""

import json
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus

from domain.base import PaymentKey
from domain.ids import payment_workflow_id, refund_workflow_id
from domain.orders import Registers
from simulator.his.books import Books
from simulator.insurance.orders import CentreRefund, Orders
from storage.records import CaseRecord, PaymentRecord, RefundRecord, TimelineEntry
from storage.session import Database, Unit
from tests.chaos.harm import open_books
from tests.chaos.plan import Wish
from tests.chaos.processes import Site
from tests.chaos.stories import Outside
from tests.chaos.told import Answer, Asked, Promise, Told
from tests.property.answers import Told as ToldOne
from tests.property.rules.found import Found, FoundRefund
from tests.property.run import HospitalSpec, Run
from tests.property.sides.centre import CentreSide
from tests.property.steps.deciding import decided

RPC_TIMEOUT = timedelta(seconds=10)
Row = dict[str, Any]


@dataclass(frozen=True)
class Heard:
    """What is known from callers and patients. `late`: the payments that were paid when the centre had closed them."""

    told: Told
    outside: Outside
    late: set[str]


class Circumstances(Run):
    """What the rules for one payment want to know beside the books. None of the run's hands are there."""

    def __init__(self, wish: Wish, heard: Heard) -> None:
        registers = Registers.MEDPAY if wish.hospital == "main" else Registers.CALLER
        self.hospital = HospitalSpec(registers=registers)
        self.calm = False
        self.paid_late = heard.late
        # In the end the centre tells us of all late money.
        self.hinted = heard.late
        self.callers_visits = heard.outside.visits
        self.centre = cast("CentreSide", SimpleNamespace(not_told=set()))


@dataclass(frozen=True)
class Case:
    """One payment, as all sides have it. `found`: None where we have no row of it.

    `answers`: everything told, webhooks included. `events`: the webhooks alone, with their ids. `centre_calls`,
    `his_calls`: what reached them. `calls`: what our own log says of calls and states. `is_open`: its workflow runs.
    """

    wish: Wish
    answers: list[Answer]
    events: list[tuple[str, Answer]]
    found: Found | None
    timeline: list[TimelineEntry]
    review: CaseRecord | None
    centre_calls: list[Row]
    his_calls: list[Row]
    centre_rows: list[Row]
    his_rows: list[Row]
    workflow_status: str
    paid_at: float | None

    @property
    def row(self) -> PaymentRecord | None:
        return self.found.row if self.found else None

    @property
    def ord_stas(self) -> int | None:
        return next((row["ord_stas"] for row in self.centre_rows), None)

    @property
    def is_open(self) -> bool:
        return self.workflow_status == WorkflowExecutionStatus.RUNNING.name


@dataclass
class Library:
    """Everything that is read once for all payments."""

    centre: dict[str, list[Row]]
    centre_refunds: dict[str, list[CentreRefund]]
    centre_calls: dict[str, list[Row]]
    his_calls: dict[str, list[Row]]
    settlements: dict[str, list[Row]]
    visits: dict[str, list[Row]]
    his_refunds: dict[str, dict[str, int]]
    workflows: dict[str, WorkflowExecution] = field(default_factory=dict)

    def status(self, workflow_id: str) -> str:
        found = self.workflows.get(workflow_id)
        return found.status.name if found and found.status else "NONE"

    def shown_state(self, workflow_id: str) -> str:
        """The newest run's PaymentState."""
        found = self.workflows.get(workflow_id)
        payload = found.raw_info.search_attributes.indexed_fields.get("PaymentState") if found else None
        return str(json.loads(payload.data)) if payload else ""


async def look(site: Site, client: Client, wishes: Sequence[Wish], told: Told, outside: Outside) -> list[Case]:
    """Every payment that was wished for."""
    library = _library(site)
    async for execution in client.list_workflows(rpc_timeout=RPC_TIMEOUT):
        known = library.workflows.get(execution.id)
        if known is None or known.start_time < execution.start_time:
            library.workflows[execution.id] = execution
    heard = Heard(told, outside, outside.paid_late | _revoked_and_paid(library))
    centre = open_books(site.centre_books)
    his = open_books(site.his_books)
    with closing(centre), closing(his):
        async with site.records() as database:
            return [await _case(database, library, Orders(centre), wish, heard) for wish in wishes]


async def _case(database: Database, library: Library, orders: Orders, wish: Wish, heard: Heard) -> Case:
    key = PaymentKey(hospital=wish.hospital, med_org_ord=wish.number)
    workflow_id = payment_workflow_id(wish.hospital, wish.number)
    async with database.read() as unit:
        row = await unit.payments.find(key)
        timeline = await unit.timeline.of_payment(key)
        review = await unit.reviews.find(key, "")
        records = await unit.refunds.of_payment(key)
        refunds = [await _refund(unit, library, record, heard.told) for record in records]
        by_people = decided(await unit.reviews.events(key, ""))
    number = wish.number
    answers = heard.told.of(number)
    found = None
    if row is not None:
        found = Found(
            run=Circumstances(wish, heard),
            order=row.order,
            row=row,
            workflow_state=library.shown_state(workflow_id),
            centre=orders.of_hospital(number),
            at_centre=library.centre_refunds.get(number, []),
            refunds=refunds,
            settlements=list(library.settlements.get(number, [])),
            his_refunds=library.his_refunds.get(number, {}),
            visits=list(library.visits.get(number, [])),
            told=_promises(answers),
            decided=by_people,
        )
    return Case(
        wish=wish,
        answers=answers,
        events=heard.told.events[number],
        found=found,
        timeline=timeline,
        review=review,
        centre_calls=library.centre_calls.get(number, []),
        his_calls=library.his_calls.get(number, []),
        centre_rows=library.centre.get(number, []),
        his_rows=library.settlements.get(number, []),
        workflow_status=library.status(workflow_id),
        paid_at=heard.outside.paid_at.get(number),
    )


async def _refund(unit: Unit, library: Library, record: RefundRecord, told: Told) -> FoundRefund:
    key, workflow_id = record.key, refund_workflow_id(record.key, record.refund_no)
    answers = [each for each in told.answers[key.med_org_ord] if each.refund_no == record.refund_no]
    return FoundRefund(
        row=record,
        workflow_state=library.shown_state(workflow_id),
        told=[ToldOne("refund", done=each.code in {"REFUNDED", "PARTIALLY_REFUNDED"}) for each in answers],
        decided=decided(await unit.reviews.events(key, record.refund_no)),
    )


def _promises(answers: list[Answer]) -> list[ToldOne]:
    """As the rules for one payment read them. Nobody waits any more: callers repeat, and each call has its own end."""
    names = {Asked.PRE_SETTLE: "pre_settle", Asked.SETTLE: "settle", Asked.CANCEL: "cancel"}
    return [
        ToldOne(names[each.asked], done=each.promise is not None and not each.code, error=each.code)
        for each in answers
        if each.asked in names and (each.promise is not None or each.code)
    ]


def _revoked_and_paid(library: Library) -> set[str]:
    """The payments whose order the centre had revoked and which were paid all the same."""
    return {
        number
        for number, rows in library.centre.items()
        if any(row["ord_stas"] == 6 for row in rows)
        and any(call["txn"] == "6401" and call["verdict"] == "applied" for call in library.centre_calls.get(number, []))
    }


def _library(site: Site) -> Library:
    with closing(open_books(site.centre_books)) as centre, closing(open_books(site.his_books)) as his:
        orders, books = Orders(centre), Books(his)
        rows = [dict(row) for row in centre.execute("SELECT * FROM pay_order")]
        numbers = {row["pay_ord_id"]: row["med_org_ord"] for row in rows}
        refunds = {number: orders.refunds(pay_ord_id) for pay_ord_id, number in numbers.items()}
        told_his: dict[str, dict[str, int]] = defaultdict(dict)
        for row in his.execute("SELECT med_org_ord, refund_no, amount_fen FROM refund"):
            told_his[row["med_org_ord"]][row["refund_no"]] = row["amount_fen"]
        calls = "SELECT * FROM sim_call ORDER BY id"
        return Library(
            centre=_by_number(rows),
            centre_refunds=refunds,
            centre_calls=_by_number([dict(row) for row in centre.execute(calls)]),
            his_calls=_by_number([dict(row) for row in his.execute(calls)]),
            settlements=_by_number(books.settlements(None), "medOrgOrd"),
            visits=_by_number(books.registrations(None), "medOrgOrd"),
            his_refunds=dict(told_his),
        )


def _by_number(rows: list[Row], name: str = "med_org_ord") -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[str(row[name])].append(row)
    return dict(found)


def is_quoted(answers: list[Answer]) -> bool:
    """Whether the caller was ever told that the patient may pay."""
    return any(answer.promise is Promise.PAYABLE for answer in answers)
