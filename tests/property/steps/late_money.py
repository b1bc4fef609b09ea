"""Money that comes after a payment's end, and word of it (product rule 8)."""

from api.payments.reopening import reopening
from domain.orders import Order
from domain.states import TERMINAL, UNPAID_ENDS
from simulator.insurance.control import SETTLED, PayOutcome, pay
from tests.property.run import RPC_TIMEOUT, Run
from workflows.payment.workflow import PaymentWorkflow
from workflows.start import reopen

CLOSED_AT_CENTRE = frozenset({12, 15})


def pay_late(run: Run, order: Order) -> None:
    """The patient pays what the centre had revoked, or had seen fail."""
    known = run.at_centre(order)
    if known is not None and known.split is not None and known.ord_stas in CLOSED_AT_CENTRE:
        pay(run.centre.books, known, PayOutcome.PAID)
        run.paid_late.add(order.med_org_ord)


async def hint(run: Run, order: Order) -> None:
    """Word that there may be money, as the API follows it: the payment asks, started once more where it is over."""
    row = await run.row(order)
    if order.med_org_ord not in run.begun:
        return
    if row is None or row.state not in TERMINAL:
        if await run.is_running(order):
            await run.handle(order).signal(PaymentWorkflow.notice, rpc_timeout=RPC_TIMEOUT)
        return
    start = await reopening(run.stage.database, row, run.terms) if row.state in UNPAID_ENDS else None
    if start is None:
        return
    await reopen(run.stage.client, start, run.stage.task_queue, RPC_TIMEOUT)
    known = run.at_centre(order)
    if known is not None and known.ord_stas == SETTLED:
        run.hinted.add(order.med_org_ord)
