"""The hospital's counter or the centre gives money back past us: nobody is misled, and a person is called."""

from typing import Any

import pytest
from temporalio.client import Client

from tests.faults.people import key_of
from tests.faults.test_refunds import refund, sent, settled, shown
from tests.support.stack.api_server import SETTLE, Answer
from tests.support.stack.running import Stack, outpatient_call, settle_call
from tests.support.waiting import eventually

ELSEWHERE = "REFUNDED_ELSEWHERE"


async def counter_refunds(stack: Stack, number: str, **wish: object) -> int:
    """The ordStas after it."""
    (order,) = await stack.others.centre_orders(number)
    url = f"{stack.embedded.insurance_url}/_sim/orders/{order['payOrdId']}/refund"
    async with stack.api.session.post(url, json=wish) as response:
        response.raise_for_status()
    (order,) = await stack.others.centre_orders(number)
    return int(order["ordStas"])


async def attention(stack: Stack, workflow_id: str) -> str:
    """AttentionReason; empty if nobody needs to look."""
    client = await Client.connect(stack.embedded.settings.temporal_address)
    shown = (await client.get_workflow_handle(workflow_id).describe()).typed_search_attributes
    attributes = {pair.key.name: pair.value for pair in shown}
    return str(attributes["AttentionReason"]) if attributes["NeedsAttention"] else ""


async def is_noted(stack: Stack, number: str) -> dict[str, Any]:
    """The payment, once it has the note."""
    views: list[dict[str, Any]] = []

    async def noted() -> bool:
        views.append(dict(await shown(stack, number)))
        return bool(views[-1]["note"] == ELSEWHERE)

    await eventually(noted)
    return views[-1]


async def recheck(stack: Stack, number: str) -> Answer:
    return await stack.api.call("POST", f"/api/v1/payments/{number}/recheck", key=key_of(stack, "operator"))


class TestOurRefund:
    @pytest.mark.parametrize(
        ("wish", "ord_stas"),
        [({}, 7), ({"type": "HI"}, 8), ({"type": "CASH"}, 9), ({"type": "CASH", "amount": "0.50"}, 10)],
    )
    async def test_is_not_made_and_says_why(
        self, stack: Stack, number: str, wish: dict[str, object], ord_stas: int
    ) -> None:
        await settled(stack, number)
        assert await counter_refunds(stack, number, **wish) == ord_stas

        answer = await refund(stack, number, "R1")

        assert answer.outcome == (200, "NOT_REFUNDABLE")
        assert f"在本系统之外退回(ordStas {ord_stas})" in answer.json["MSG"]
        assert (await refund(stack, number, "R1")).text == answer.text
        view = await is_noted(stack, number)
        assert (view["state"], view["refunded"]["totlRefdAmt"]) == ("SETTLED", "0.00")
        assert await attention(stack, f"refund-main-{number}:R1") == ELSEWHERE
        assert await sent(stack, number) == ["refused"]


class TestAPaymentThatIsSettled:
    async def test_is_asked_about_when_a_notice_says_so(self, stack: Stack, number: str) -> None:
        order = await settled(stack, number)
        assert await counter_refunds(stack, number, notify=True) == 7
        view = await is_noted(stack, number)
        assert view["state"] == "SETTLED"
        assert [entry["message"] for entry in view["timeline"] if entry["kind"] == "notice"] == [
            "ordStas 7: 订单已结算, 向医保中心核实是否另有退费(6301)"
        ]
        assert await attention(stack, f"payment-main-{number}") == ELSEWHERE
        # It was settled, as its caller was told.
        assert (await stack.settle(order, view["payOrdId"])).code == ""

    async def test_is_asked_about_when_an_operator_wants_to_know(self, stack: Stack, number: str) -> None:
        await settled(stack, number)
        asked = (await stack.asked_of_centre(number)).count("6301")
        assert (await recheck(stack, number)).json["DATA"]["followed"] == "REFUNDS_ASKED"

        async def asked_again() -> bool:
            return (await stack.asked_of_centre(number)).count("6301") > asked

        await eventually(asked_again)
        assert ((await shown(stack, number))["note"], await attention(stack, f"payment-main-{number}")) == ("", "")
        assert await counter_refunds(stack, number) == 7
        await recheck(stack, number)
        await is_noted(stack, number)

    async def test_is_left_alone_when_our_own_refund_explains_the_status(self, stack: Stack, number: str) -> None:
        await settled(stack, number)
        assert (await refund(stack, number, "R1", type="HI")).code == ""
        assert (await recheck(stack, number)).json["DATA"]["followed"] == "REFUNDS_ASKED"
        assert await counter_refunds(stack, number, type="CASH", amount="0.50", notify=True) == 11
        await is_noted(stack, number)


class TestAReversal:
    async def test_finds_that_the_money_is_back(self, stack: Stack, number: str) -> None:
        order = outpatient_call(number)
        pay_ord_id = await stack.paid(order)
        await stack.others.break_his(txn="settle", kind="http_500", times=4)
        await stack.others.break_his(txn="settle", kind="refuse", times=-1)
        await stack.api.post(SETTLE, settle_call(order, pay_ord_id))

        async def is_paid() -> bool:
            return await stack.state(number) == "PAID"

        await eventually(is_paid)
        await counter_refunds(stack, number)
        answer = await stack.settle(order, pay_ord_id)
        assert answer.code == "REVERSED"
        assert "在本系统之外退回" in answer.json["MSG"]
        view = await is_noted(stack, number)
        assert (view["state"], view["reversalSn"]) == ("REVERSED", "")
        assert await attention(stack, f"payment-main-{number}") == ELSEWHERE

    async def test_has_a_number_though_its_answer_was_lost(self, stack: Stack, number: str) -> None:
        order = outpatient_call(number)
        pay_ord_id = await stack.paid(order)
        await stack.others.break_his(txn="settle", kind="refuse", times=-1)
        await stack.others.break_centre(txn="6203", kind="drop_after", times=1)
        assert (await stack.settle(order, pay_ord_id)).code == "REVERSED"
        (at_centre,) = await stack.others.centre_orders(number)
        (back,) = at_centre["refunds"]
        assert (await shown(stack, number))["reversalSn"] == back["refdSn"] != ""
        assert await sent(stack, number) == ["applied", "replayed"]
