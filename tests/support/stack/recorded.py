"""Payments in the records, as a workflow would have left them: its worker is away, or writes none."""

from collections import deque
from datetime import datetime

from domain.orders import Order
from domain.states import TRANSITIONS, PaymentState
from storage.records import PaymentFacts
from storage.session import Unit
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


async def given(
    api: ApiServer, order: Order, *way: PaymentState, facts: PaymentFacts = PLACED, revision: int = 1
) -> None:
    """The payment's row after it went this way, a state a second. `revision`: of the first step."""
    async with api.records() as database, database.begin() as unit:
        await reach(unit, order, *way, facts=facts, revision=revision)


async def reach(
    unit: Unit,
    order: Order,
    *way: PaymentState,
    facts: PaymentFacts | None = None,
    revision: int = 1,
    at: datetime | None = None,
) -> None:
    """The payment's row comes to each state of `way` with `facts`, by a revision each, a second each or all `at`.

    What must lie between is written without facts by the revision before. A payment that is new is received.
    """
    key = key_of(order)
    await unit.payments.receive(order, at or later(0))
    for number, state in enumerate(way, start=revision):
        found = await unit.payments.find(key)
        assert found is not None
        moment = at or later(number)
        for between in _between(found.state, state):
            assert await unit.payments.record(key, found.revision, moment, state=between)
        assert await unit.payments.record(key, number, moment, state=state, facts=facts)


def _between(current: PaymentState, goal: PaymentState) -> tuple[PaymentState, ...]:
    """The fewest states that lead from one to the other; none of them opens a review that the test did not ask for."""
    if current is goal:
        return ()
    ways: deque[tuple[PaymentState, ...]] = deque([(current,)])
    seen = {current, PaymentState.IN_REVIEW}
    while ways:
        way = ways.popleft()
        following = TRANSITIONS[way[-1]]
        if goal in following:
            return way[1:]
        ways.extend((*way, state) for state in sorted(following - seen))
        seen |= following
    raise AssertionError(f"no way from {current} to {goal}")
