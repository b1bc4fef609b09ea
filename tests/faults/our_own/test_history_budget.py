"""A payment's history is what auditors read and Temporal keeps: it has a budget, and a story in search attributes."""

from collections.abc import Callable

import pytest
from temporalio.client import Client

from domain.ids import payment_workflow_id
from tests.support.stack.running import Call, Stack, outpatient_call, registration_call

KIB = 1024
ATTEMPTS = 3


@pytest.mark.parametrize(("make", "events_max"), [(outpatient_call, 40), (registration_call, 50)])
async def test_a_payment_that_goes_well_keeps_to_it(
    stack: Stack, number: str, make: Callable[[str], Call], events_max: int
) -> None:
    """One of three: on a busy machine a step may take longer than a local try, and is then told in more events."""
    client = await Client.connect(stack.embedded.settings.temporal_address)
    for attempt in range(ATTEMPTS):
        number = f"{number}{attempt}"
        order = make(number)
        await stack.settled(order, await stack.paid(order))
        described = await client.get_workflow_handle(payment_workflow_id("main", number)).describe()
        if described.history_length <= events_max:
            break
    assert described.history_length <= events_max
    assert described.raw_description.workflow_execution_info.history_size_bytes <= 24 * KIB
    attributes = {pair.key.name: pair.value for pair in described.typed_search_attributes}
    assert (attributes["Hospital"], attributes["MedOrgOrd"]) == ("main", number)
    assert (attributes["PaymentState"], attributes["NeedsAttention"]) == ("SETTLED", False)
    assert attributes["PaymentCategory"] == order["CATEGORY"]
    assert {"PayOrdId", "PaymentStateSince", "PaymentChannel", "ReversalDeadline"} <= attributes.keys()
