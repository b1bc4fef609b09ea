"""What may happen in a run. A new kind of event is a class here and an entry in `strategies.STEPS`."""

import asyncio
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from domain.base import Frozen
from domain.insurance import RefundType
from domain.orders import Order
from domain.reviews import ReviewAction
from domain.values.fen import Fen, yuan
from simulator.insurance.control import SETTLED, PayOutcome
from tests.property.run import ANOTHERS_VISIT, VISIT, Run, is_registration
from tests.property.sides import faults
from tests.property.steps.deciding import APPROVER, PROPOSER, approve, propose
from tests.property.steps.late_money import hint, pay_late
from tests.property.steps.refunding import ask_refund


class Visit(StrEnum):
    """Which VISIT_ID a settle call names."""

    NONE = "none"
    RIGHT = "right"
    """The caller's own, or the one that the patient has."""
    WRONG = "wrong"


class PreSettle(Frozen):
    """Interface 1; also once more."""

    kind: Literal["pre_settle"] = "pre_settle"
    order: int = 0

    async def play(self, run: Run) -> None:
        await run.pre_settle(run.order(self.order))


class Settle(Frozen):
    """Interface 2, by `calls` callers at once."""

    kind: Literal["settle"] = "settle"
    order: int = 0
    visit: Visit = Visit.NONE
    calls: int = 1

    async def play(self, run: Run) -> None:
        order = run.order(self.order)
        own = run.callers_visits.get(order.med_org_ord, VISIT)
        visit_id = {Visit.NONE: None, Visit.RIGHT: own, Visit.WRONG: ANOTHERS_VISIT}[self.visit]
        await asyncio.gather(*(run.settle(order, visit_id) for _ in range(self.calls)))


class Pay(Frozen):
    """The patient acts in the channel."""

    kind: Literal["pay"] = "pay"
    order: int = 0
    outcome: PayOutcome = PayOutcome.PAID

    async def play(self, run: Run) -> None:
        if order := run.at_centre(run.order(self.order)):
            run.centre.patient_pays(order.pay_ord_id, self.outcome)


class CallerRegisters(Frozen):
    """The caller makes the visit in HIS by itself (product rule 9), if HIS has none for this medOrgOrd."""

    kind: Literal["caller_registers"] = "caller_registers"
    order: int = 0

    async def play(self, run: Run) -> None:
        caller_registers(run, run.order(self.order))


class CallerBooks(Frozen):
    """The caller goes to HIS by itself with a payment that the centre has settled and HIS has not."""

    kind: Literal["caller_books"] = "caller_books"
    order: int = 0

    async def play(self, run: Run) -> None:
        order = run.order(self.order)
        paid = run.at_centre(order)
        if paid is None or paid.split is None or paid.ord_stas != SETTLED:
            return
        if run.his.books.settlement_no(order.med_org_ord) is not None:
            return
        body = _his_order(order) | {
            "payOrdId": paid.pay_ord_id,
            "feeSumamt": yuan(paid.split.fee_sum_fen),
            "ownPayAmt": yuan(paid.split.own_pay_fen),
            "psnAcctPay": yuan(paid.split.psn_acct_fen),
            "fundPay": yuan(paid.split.fund_fen),
            "traceTime": paid.trace_time,
            "setlType": paid.split.settlement_type().value,
        }
        if is_registration(order):
            body["VISIT_ID"] = caller_registers(run, order)
        run.his.done("settle", body)


class Goes(Frozen):
    """Something begins to go wrong."""

    kind: Literal["goes_wrong"] = "goes_wrong"
    fault: faults.Fault

    async def play(self, run: Run) -> None:
        run.faults.add(self.fault)


class Mends(Frozen):
    """Nothing goes wrong any more."""

    kind: Literal["mends"] = "mends"

    async def play(self, run: Run) -> None:
        run.faults.clear()


class Passes(Frozen):
    """Time passes."""

    kind: Literal["passes"] = "passes"
    seconds: int = 60

    async def play(self, run: Run) -> None:
        await run.moment(self.seconds)


class Cancel(Frozen):
    """The caller withdraws the payment."""

    kind: Literal["cancel"] = "cancel"
    order: int = 0

    async def play(self, run: Run) -> None:
        await run.cancel(run.order(self.order))


class Notice(Frozen):
    """6302 comes: rightly, early, twice or late."""

    kind: Literal["notice"] = "notice"
    order: int = 0

    async def play(self, run: Run) -> None:
        await hint(run, run.order(self.order))


class PaysLate(Frozen):
    """The patient pays an order that the centre had closed; `hinted`: and 6302 comes."""

    kind: Literal["pays_late"] = "pays_late"
    order: int = 0
    hinted: bool = True

    async def play(self, run: Run) -> None:
        order = run.order(self.order)
        pay_late(run, order)
        if self.hinted:
            await hint(run, order)


class Proposes(Frozen):
    """A person wishes to act on a case: the payment's, or that of its `refund_no`th refund."""

    kind: Literal["proposes"] = "proposes"
    order: int = 0
    refund_no: int = 0
    action: ReviewAction = ReviewAction.ASK_AGAIN

    async def play(self, run: Run) -> None:
        await propose(run, run.order(self.order), f"R{self.refund_no}" if self.refund_no else "", self.action)


class Approves(Frozen):
    """A person agrees to what was proposed; `alone`: the one who proposed it."""

    kind: Literal["approves"] = "approves"
    order: int = 0
    refund_no: int = 0
    action: ReviewAction = ReviewAction.BOOK
    alone: bool = False

    async def play(self, run: Run) -> None:
        refund_no = f"R{self.refund_no}" if self.refund_no else ""
        by = PROPOSER if self.alone else APPROVER
        await approve(run, run.order(self.order), refund_no, self.action, by)


class Refund(Frozen):
    """The caller wants money back. `at_once`: a second refundNo of the same kind in the same moment."""

    kind: Literal["refund"] = "refund"
    order: int = 0
    refund_no: int = 1
    refund_type: RefundType = RefundType.ALL
    amount_fen: Fen | None = None
    at_once: bool = False

    async def play(self, run: Run) -> None:
        numbers = [self.refund_no, self.refund_no + 1] if self.at_once else [self.refund_no]
        order = run.order(self.order)
        await asyncio.gather(
            *(ask_refund(run, order, f"R{number}", self.refund_type, self.amount_fen) for number in numbers)
        )


class CancelledInTemporal(Frozen):
    """Somebody presses Cancel in the Temporal UI: a payment doesn't obey."""

    kind: Literal["cancelled_in_temporal"] = "cancelled_in_temporal"
    order: int = 0

    async def play(self, run: Run) -> None:
        order = run.order(self.order)
        if order.med_org_ord in run.begun and await run.is_running(order):
            await run.handle(order).cancel()


Step = Annotated[
    PreSettle
    | Settle
    | Pay
    | CallerRegisters
    | CallerBooks
    | Cancel
    | Notice
    | PaysLate
    | Refund
    | Proposes
    | Approves
    | Goes
    | Mends
    | Passes
    | CancelledInTemporal,
    Field(discriminator="kind"),
]


def caller_registers(run: Run, order: Order) -> str:
    """The VISIT_ID that HIS has for this medOrgOrd now."""
    found = run.his.books.live_registration(order.med_org_ord)
    if found is None and is_registration(order):
        run.his.done("register", _his_order(order))
        found = run.his.books.live_registration(order.med_org_ord)
        if found is not None:
            run.callers_visits[order.med_org_ord] = found[0]
    return found[0] if found else VISIT


def _his_order(order: Order) -> dict[str, str]:
    bill = {"CLINIC_ID": order.clinic_id} if order.clinic_id else {"ORDER_ID": "|".join(order.order_ids)}
    return bill | {"medOrgOrd": order.med_org_ord, "PATIENT_ID": order.patient_id, "CATEGORY": order.category.value}
