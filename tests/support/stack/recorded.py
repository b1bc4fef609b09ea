"""Payments in an API's records, as a workflow would have left them: its worker is away, or writes none."""

from domain.orders import Order
from domain.states import PaymentState
from storage.records import PaymentFacts
from tests.support.stack.api_server import ApiServer
from tests.support.values.records import SETTLEMENT, SPLIT, key_of, later

S = PaymentState
TO_PRE_SETTLED = (S.PRICED, S.FEE_UPLOADED, S.PRE_SETTLED)
TO_PAID = (*TO_PRE_SETTLED, S.PAID)
TO_SETTLED = (*TO_PAID, S.SETTLED)
PLACED = PaymentFacts(
    pay_ord_id="ORD1",
    pay_token="PAY-TOKEN-MARKER",
    split=SPLIT,
    patient_type_id="310",
    ipt_otp_no="M0001",
    si_personal_no="P100001",
    window_ends_at=later(1800),
)
PAID = PaymentFacts(**(PLACED.model_dump(exclude_unset=True) | {"settlement": SETTLEMENT}))


async def given(api: ApiServer, order: Order, *way: PaymentState, facts: PaymentFacts = PLACED) -> None:
    """The payment's row after it went this way, a state a second."""
    async with api.records() as database, database.begin() as unit:
        for revision, state in enumerate(way, start=1):
            await unit.payments.receive(order, later(0))
            await unit.payments.record(key_of(order), revision, later(revision), state=state, facts=facts)
