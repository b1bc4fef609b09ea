"""6302 on the whole stack: the simulated centre tells, and our payments ask."""

import json
from datetime import UTC, datetime

import pytest

from cli.stack.practice import CENTRE_FILE
from gateways.insurance.envelope import Envelope
from security.crypto.sm import generate_key_pair
from simulator.insurance.config import CentreConfig
from simulator.insurance.sealed import envelope_of
from tests.faults.people import approved, key_of, proposed, shown
from tests.support.stack.api_server import KEY, NOTICE, Answer
from tests.support.stack.running import Stack, data_of, outpatient_call
from tests.support.waiting import eventually


def centre(stack: Stack, **changes: object) -> Envelope:
    """The stack's own centre; `changes` of its configuration make a stranger of it."""
    path = stack.embedded.settings.data_dir / CENTRE_FILE
    config = json.loads(path.read_text(encoding="utf-8"))
    return envelope_of(CentreConfig.model_validate(config | changes))


async def told(stack: Stack, envelope: Envelope, **data: str) -> Answer:
    return await stack.api.post(NOTICE, await envelope.seal_request(data), key=None)


async def pays(stack: Stack, pay_ord_id: str, outcome: str = "paid") -> bool:
    """The patient acts and the centre tells us; whether we took it."""
    url = f"{stack.embedded.insurance_url}/_sim/orders/{pay_ord_id}/pay"
    async with stack.api.session.post(url, json={"outcome": outcome, "notify": True}) as response:
        response.raise_for_status()
        order = await response.json()
    return bool(order["notified"])


async def comes_to(stack: Stack, number: str, state: str) -> None:
    async def there() -> bool:
        return await stack.state(number) == state

    await eventually(there)


async def notices(stack: Stack, number: str) -> list[str]:
    seen = await stack.api.call("GET", f"/api/v1/payments/{number}", key=KEY)
    return [entry["message"] for entry in seen.json["DATA"]["timeline"] if entry["kind"] == "notice"]


async def cancelled(stack: Stack, number: str) -> Answer:
    return await stack.api.call("POST", f"/api/v1/payments/{number}/cancel", key=KEY)


async def test_a_notice_makes_the_payment_ask_at_once(stack: Stack, number: str) -> None:
    pay_ord_id = (await stack.quoted(outpatient_call(number)))["payOrdId"]
    assert await pays(stack, pay_ord_id)
    await comes_to(stack, number, "PAID")
    assert await notices(stack, number) == ["ordStas 6: 已转交支付流程, 向医保中心核实(6301)"]


async def test_twice_and_after_it_settled_changes_nothing(stack: Stack, number: str) -> None:
    order = outpatient_call(number)
    pay_ord_id = (await stack.quoted(order))["payOrdId"]
    assert await pays(stack, pay_ord_id)
    await stack.settled(order, pay_ord_id)
    asked = await stack.asked_of_centre(number)
    for _ in range(2):
        assert await pays(stack, pay_ord_id)
    assert await notices(stack, number) == [
        "ordStas 6: 已转交支付流程, 向医保中心核实(6301)",
        *["ordStas 6: 订单已付款或已冲正, 无需核实"] * 2,
    ]
    assert (await stack.state(number), await stack.bookings(number)) == ("SETTLED", 1)
    assert await stack.asked_of_centre(number) == asked


async def test_before_the_money_is_only_a_question(stack: Stack, number: str) -> None:
    """Out of order: the centre says paid, and its own books do not."""
    pay_ord_id = (await stack.quoted(outpatient_call(number)))["payOrdId"]
    answer = await told(stack, centre(stack), payOrdId=pay_ord_id, ordStas="6", callType="02")
    assert answer.json["success"] is True

    async def asked() -> bool:
        return "6301" in await stack.asked_of_centre(number)

    await eventually(asked)
    assert await stack.state(number) == "PRE_SETTLED"


async def test_declined_is_noticed_too(stack: Stack, number: str) -> None:
    pay_ord_id = (await stack.quoted(outpatient_call(number)))["payOrdId"]
    assert await pays(stack, pay_ord_id, "declined")
    await comes_to(stack, number, "REJECTED")


class TestLateMoney:
    async def test_on_a_cancelled_payment_opens_a_review(self, stack: Stack, number: str) -> None:
        pay_ord_id = (await stack.quoted(outpatient_call(number)))["payOrdId"]
        assert (await cancelled(stack, number)).json["DATA"]["state"] == "CANCELLED"
        assert await pays(stack, pay_ord_id)
        await comes_to(stack, number, "IN_REVIEW")
        view = (await stack.api.call("GET", f"/api/v1/payments/{number}")).json["DATA"]
        assert (view["errorCode"], view["note"]) == ("IN_REVIEW", "LATE_MONEY")
        assert [entry["name"] for entry in view["timeline"] if entry["kind"] == "state"][-2:] == [
            "CANCELLED",
            "IN_REVIEW",
        ]
        assert view["traceTime"]
        assert await stack.bookings(number) == 0
        assert await pays(stack, pay_ord_id)
        assert "人工核查" in (await notices(stack, number))[-1]
        assert await stack.state(number) == "IN_REVIEW"

    @pytest.mark.parametrize(("action", "state", "ord_stas"), [("REVERSE", "REVERSED", 7), ("BOOK", "SETTLED", 6)])
    async def test_is_two_people_s_to_decide(
        self, stack: Stack, number: str, action: str, state: str, ord_stas: int
    ) -> None:
        pay_ord_id = (await stack.quoted(outpatient_call(number)))["payOrdId"]
        await cancelled(stack, number)
        await pays(stack, pay_ord_id)
        await comes_to(stack, number, "IN_REVIEW")
        assert (await shown(stack, number))["reason"] == "LATE_MONEY"
        wish = await proposed(stack, number, action)
        assert data_of(wish)["waiting"] == "true"
        assert data_of(await approved(stack, number, wish))["state"] == state
        assert (await stack.state(number), await stack.ord_stas(number)) == (state, [ord_stas])
        assert await stack.bookings(number) == int(state == "SETTLED")

    async def test_that_an_operator_suspects_is_found_without_a_notice(self, stack: Stack, number: str) -> None:
        pay_ord_id = (await stack.quoted(outpatient_call(number)))["payOrdId"]
        await cancelled(stack, number)
        await stack.patient_acts(pay_ord_id, "paid")
        path = f"/api/v1/payments/{number}/recheck"
        answer = await stack.api.call("POST", path, key=key_of(stack, "operator"))
        assert data_of(answer)["followed"] == "REOPENED"
        await comes_to(stack, number, "IN_REVIEW")

    async def test_that_never_came_leaves_the_end(self, stack: Stack, number: str) -> None:
        pay_ord_id = (await stack.quoted(outpatient_call(number)))["payOrdId"]
        await cancelled(stack, number)
        asked = len(await stack.asked_of_centre(number))
        answer = await told(stack, centre(stack), payOrdId=pay_ord_id, medOrgOrd=number, ordStas="6")
        assert answer.json["message"] == "订单已关闭未付款, 重新向医保中心核实(6301)"

        async def asked_again() -> bool:
            return len(await stack.asked_of_centre(number)) > asked

        await eventually(asked_again)
        assert (await cancelled(stack, number)).json["DATA"]["state"] == "CANCELLED"


class TestWhatIsNotOurs:
    async def test_an_unknown_order_is_kept_and_answered(self, stack: Stack, number: str) -> None:
        answer = await told(stack, centre(stack), payOrdId=f"ORD-{number}", medOrgOrd=number, ordStas="6")
        assert (answer.status, answer.json) == (200, {"success": True, "message": "没有这个订单, 仅记录"})

    async def test_a_bad_signature_changes_nothing(self, stack: Stack, number: str) -> None:
        pay_ord_id = (await stack.quoted(outpatient_call(number)))["payOrdId"]
        await stack.patient_acts(pay_ord_id, "paid")
        stranger = centre(stack, private_key=generate_key_pair().private_key_b64)
        answer = await told(stack, stranger, payOrdId=pay_ord_id, medOrgOrd=number, ordStas="6")
        assert (answer.status, answer.json["success"]) == (401, False)
        assert (await notices(stack, number), await stack.state(number)) == ([], "PRE_SETTLED")

    async def test_an_old_notice_changes_nothing(self, stack: Stack, number: str) -> None:
        pay_ord_id = (await stack.quoted(outpatient_call(number)))["payOrdId"]
        old = centre(stack)
        old._clock = lambda: datetime(2026, 1, 5, 1, 0, tzinfo=UTC)
        answer = await told(stack, old, payOrdId=pay_ord_id, medOrgOrd=number, ordStas="6")
        assert (answer.status, answer.json["success"]) == (401, False)
        assert await notices(stack, number) == []


class TestWithTemporalGone:
    async def test_the_notice_is_kept_and_wanted_again(self, stack: Stack, number: str) -> None:
        pay_ord_id = (await stack.quoted(outpatient_call(number)))["payOrdId"]
        await stack.patient_acts(pay_ord_id, "paid")
        await stack.kill("temporal")
        try:
            answer = await told(stack, centre(stack), payOrdId=pay_ord_id, medOrgOrd=number, ordStas="6")
            assert (answer.status, answer.json["success"]) == (503, False)
        finally:
            await stack.start_temporal()
        assert len(await notices(stack, number)) == 1

        async def taken() -> bool:
            return (await told(stack, centre(stack), payOrdId=pay_ord_id, medOrgOrd=number, ordStas="6")).status == 200

        await eventually(taken)
        await comes_to(stack, number, "PAID")
