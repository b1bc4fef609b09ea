"""medOrgOrd is the idempotency key: whatever comes twice, late or changed, one order is placed and one is booked."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.stack.api_server import PRE_SETTLE, SETTLE, ApiServer, serving_api
from tests.support.stack.running import (
    Stack,
    answered_by,
    data_of,
    outpatient_call,
    registration_call,
    settle_call,
)


@pytest_asyncio.fixture
async def second_api(stack: Stack) -> AsyncIterator[ApiServer]:
    """Beside the stack's own, on the same records and the same Temporal: it knows of no call of the other's."""
    async with serving_api(stack.embedded.settings) as server:
        yield server


async def test_the_same_order_twice_at_once(stack: Stack, second_api: ApiServer, number: str) -> None:
    order = outpatient_call(number)
    calls = [answered_by(api, PRE_SETTLE, order) for api in (stack.api, second_api) for _ in range(3)]
    answers = await asyncio.gather(*calls)
    assert {answer.text for answer in answers} == {answers[0].text}
    assert data_of(answers[0])["medOrgOrd"] == number
    assert await stack.ord_stas(number) == [1]
    assert await stack.asked_of_centre(number) == ["6201", "6202"]


async def test_two_orders_under_one_number_at_once(stack: Stack, second_api: ApiServer, number: str) -> None:
    one, other = outpatient_call(number), outpatient_call(number)
    answers = await asyncio.gather(stack.pre_settle(one), answered_by(second_api, PRE_SETTLE, other))
    assert sorted(answer.code for answer in answers) == ["", "ORDER_CONFLICT"]
    assert await stack.asked_of_centre(number) == ["6201", "6202"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("TOTAL", "999.99"), ("ORDER_ID", "999999"), ("CHANNEL", "Alipay"), ("PATIENT_ID", "100002")],
)
async def test_another_transaction_under_a_used_number(stack: Stack, number: str, field: str, value: str) -> None:
    order = outpatient_call(number)
    quoted = await stack.quoted(order)
    answer = await stack.pre_settle({**order, field: value})
    assert answer.outcome == (200, "ORDER_CONFLICT")
    assert f"({field})" in answer.json["MSG"]
    assert await stack.asked_of_centre(number) == ["6201", "6202"]
    assert await stack.quoted({**order, "payAuthNo": "another", "uldLatlnt": "0,0"}) == quoted


async def test_after_it_closed_the_recorded_answers(stack: Stack, number: str) -> None:
    order = outpatient_call(number)
    quoted = await stack.quoted(order)
    await stack.others.patient_pays(quoted["payOrdId"])
    settled = await stack.settled(order, quoted["payOrdId"])
    asked = await stack.asked_of_centre(number)
    assert await stack.quoted(order) == quoted
    assert await stack.settled(order, quoted["payOrdId"]) == settled
    assert (await stack.pre_settle({**order, "TOTAL": "9.99"})).code == "ORDER_CONFLICT"
    assert await stack.asked_of_centre(number) == asked


async def test_settled_before_it_is_paid(stack: Stack, number: str) -> None:
    order = outpatient_call(number)
    pay_ord_id = (await stack.quoted(order))["payOrdId"]
    for _ in range(2):
        assert (await stack.settle(order, pay_ord_id)).outcome == (200, "NOT_PAID")
    assert (await stack.state(number), await stack.bookings(number)) == ("PRE_SETTLED", 0)
    await stack.others.patient_pays(pay_ord_id)
    await stack.settled(order, pay_ord_id)


async def test_settled_under_another_name(stack: Stack, number: str) -> None:
    order = outpatient_call(number)
    pay_ord_id = await stack.paid(order)
    assert (await stack.settle(order, "ORD404")).outcome == (200, "ORDER_CONFLICT")
    assert (await stack.settle(order, pay_ord_id, PATIENT_ID="100002")).outcome == (200, "PATIENT_MISMATCH")
    assert (await stack.settle(order, pay_ord_id, CHANNEL="Alipay")).outcome == (200, "ORDER_CONFLICT")
    assert (await stack.settle(order, pay_ord_id, VISIT_ID=None)).outcome == (200, "MISSING_FIELD")
    assert (await stack.state(number), await stack.bookings(number)) == ("PRE_SETTLED", 0)
    assert (await stack.settled(order, pay_ord_id))["payOrdId"] == pay_ord_id


@pytest.mark.parametrize("ordered", [outpatient_call, registration_call])
async def test_settled_twice_at_once(stack: Stack, second_api: ApiServer, number: str, ordered: object) -> None:
    order = outpatient_call(number) if ordered is outpatient_call else registration_call(number)
    body = settle_call(order, await stack.paid(order))
    calls = [answered_by(api, SETTLE, body) for api in (stack.api, second_api) for _ in range(3)]
    answers = await asyncio.gather(*calls)
    assert {answer.text for answer in answers} == {answers[0].text}
    assert data_of(answers[0])["medOrgOrd"] == number
    assert (await stack.bookings(number), len(await stack.visits(number))) == (1, int(ordered is registration_call))


async def test_another_patients_visit_then_the_right_one(stack: Stack, number: str) -> None:
    order = registration_call(number)
    pay_ord_id = await stack.paid(order)
    assert (await stack.settle(order, pay_ord_id, VISIT_ID="V2")).outcome == (200, "PATIENT_MISMATCH")
    assert await stack.bookings(number) == 0
    assert (await stack.settled(order, pay_ord_id, VISIT_ID="V1"))["VISIT_ID"] == "V1"
    assert (await stack.bookings(number), await stack.visits(number)) == (1, [])


async def test_another_patients_visit_for_a_bill(stack: Stack, number: str) -> None:
    order = outpatient_call(number)
    pay_ord_id = await stack.paid(order)
    assert (await stack.settle(order, pay_ord_id, VISIT_ID="V2")).outcome == (200, "PATIENT_MISMATCH")
    assert await stack.bookings(number) == 0
    assert (await stack.settled(order, pay_ord_id))["VISIT_ID"] == "V1"


async def test_another_visit_after_it_settled(stack: Stack, number: str) -> None:
    order = registration_call(number)
    pay_ord_id = await stack.paid(order)
    visit = (await stack.settled(order, pay_ord_id))["VISIT_ID"]
    assert (await stack.settle(order, pay_ord_id, VISIT_ID="V1")).outcome == (200, "ORDER_CONFLICT")
    assert (await stack.settled(order, pay_ord_id))["VISIT_ID"] == visit
    assert await stack.visits(number) == [visit]
