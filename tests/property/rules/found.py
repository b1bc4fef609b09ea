"""What is found of each payment when a run has come to rest."""

from dataclasses import dataclass

from domain.orders import Order
from domain.reviews import ReviewAction
from simulator.insurance.orders import CentreOrder, CentreRefund
from storage.records import PaymentRecord, RefundRecord
from tests.property.answers import Told, shown_state, told
from tests.property.run import Run
from tests.property.steps.deciding import decided, events_of
from tests.property.steps.refunding import refund_handle, refund_row


@dataclass(frozen=True)
class FoundRefund:
    """One refund, as its row, Temporal and its callers have it. `decided`: what two people had done with its case."""

    row: RefundRecord
    workflow_state: str
    told: list[Told]
    decided: frozenset[ReviewAction]


@dataclass(frozen=True)
class Found:
    """One payment, as the three sides and Temporal have it.

    `at_centre`: what went back there. `refunds`: what callers asked for. `his_refunds`: fen by refundNo. `decided`:
    what two people had done with its cases.
    """

    run: Run
    order: Order
    row: PaymentRecord
    workflow_state: str
    centre: CentreOrder | None
    at_centre: list[CentreRefund]
    refunds: list[FoundRefund]
    settlements: list[dict[str, object]]
    his_refunds: dict[str, int]
    visits: list[dict[str, object]]
    told: list[Told]
    decided: frozenset[ReviewAction]

    @property
    def ord_stas(self) -> int | None:
        return None if self.centre is None else self.centre.ord_stas


async def look(run: Run, order: Order) -> Found:
    """Ask all sides about one payment."""
    row = await run.row(order)
    assert row is not None, f"{order.med_org_ord} has no row"
    centre = run.at_centre(order)
    return Found(
        run=run,
        order=order,
        row=row,
        workflow_state=await shown_state(run.handle(order)),
        centre=centre,
        at_centre=run.centre.books.orders.refunds(centre.pay_ord_id) if centre else [],
        refunds=await _refunds_of(run, order),
        settlements=run.his.books.settlements(order.med_org_ord),
        his_refunds=run.his.refunds(order.med_org_ord),
        visits=run.his.books.registrations(order.med_org_ord),
        told=await told(run.handle(order)),
        decided=decided(await events_of(run, order, "")),
    )


async def _refunds_of(run: Run, order: Order) -> list[FoundRefund]:
    found = []
    for wish in run.refunds.values():
        if wish.med_org_ord == order.med_org_ord:
            row, handle = await refund_row(run, wish), refund_handle(run, order, wish.refund_no)
            assert row is not None, f"{wish.workflow_id} has no row"
            assert handle is not None
            by_people = decided(await events_of(run, order, wish.refund_no))
            found.append(FoundRefund(row, await shown_state(handle), await told(handle), by_people))
    return found
