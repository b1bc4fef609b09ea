"""Refunds on the whole stack: what goes back, once, and never more than was paid (product rule 16)."""

import asyncio
import itertools
from collections.abc import Mapping
from typing import Any

import pytest_asyncio
from temporalio.client import Client, WorkflowHandle

from domain.base import PaymentKey
from domain.ids import refund_workflow_id
from domain.states import RefundState
from tests.support.stack.api_server import Answer
from tests.support.stack.running import Call, Stack, data_of, outpatient_call
from tests.support.waiting import eventually
from workflows.refund.workflow import RefundWorkflow

KIB = 1024
AUTH_MARKER = "RFDAUTHMARKER"
_SERIALS = itertools.count(1_000)


def refund_call(refund_no: str, **changes: object) -> Call:
    """A refund of everything; a change of None leaves a field out."""
    fields: Call = {"refundNo": refund_no, "type": "ALL", "payAuthNo": f"{AUTH_MARKER}-{refund_no}", "reason": "退药"}
    return {name: value for name, value in (fields | changes).items() if value is not None}


def refunds_of(number: str, refund_no: str = "") -> str:
    path = f"/api/v1/payments/{number}/refunds"
    return f"{path}/{refund_no}" if refund_no else path


async def settled(stack: Stack, number: str) -> Call:
    """A bill of 10.00 that is paid, and booked in HIS: 2.00 cash, 2.00 account, 6.00 fund."""
    order = outpatient_call(number, ORDER_ID=f"9{next(_SERIALS)}00999", TOTAL="10.00")
    await stack.settled(order, await stack.paid(order))
    return order


async def refund(stack: Stack, number: str, refund_no: str, **changes: object) -> Answer:
    """One refund, asked for until it is answered. payAuthNo serves one order only."""
    facts = {"payAuthNo": f"{AUTH_MARKER}-{number}-{refund_no}"} | changes
    return await stack.answered(refunds_of(number), refund_call(refund_no, **facts))


async def refunded(stack: Stack, number: str, refund_no: str, **changes: object) -> Mapping[str, str]:
    """DATA of a refund that must succeed."""
    return data_of(await refund(stack, number, refund_no, **changes))


async def shown(stack: Stack, number: str) -> Mapping[str, Any]:
    """The payment's view."""
    view: Mapping[str, Any] = (await stack.api.call("GET", f"/api/v1/payments/{number}")).json["DATA"]
    return view


async def at_centre(stack: Stack, number: str) -> tuple[int, list[str]]:
    """The order's ordStas, and the totals that the centre gave back."""
    (order,) = await stack.others.centre_orders(number)
    return order["ordStas"], [back["amounts"]["totlRefdAmt"] for back in order["refunds"]]


async def sent(stack: Stack, number: str) -> list[str | None]:
    """What became of each 6203 that reached the centre."""
    return [call["verdict"] for call in await stack.others.centre_calls(number) if call["txn"] == "6203"]


async def told_his(stack: Stack, number: str, times: int) -> None:
    """Wait until HIS knows of as many refunds."""

    async def told() -> bool:
        return [bool(one["hisToldAt"]) for one in (await shown(stack, number))["refunds"]].count(True) == times

    await eventually(told)


@pytest_asyncio.fixture
async def paid(stack: Stack, number: str) -> str:
    """The medOrgOrd of a settled payment of 10.00: 2.00 cash, 2.00 account, 6.00 fund."""
    await settled(stack, number)
    return number


async def workflow_of(stack: Stack, number: str, refund_no: str) -> WorkflowHandle[RefundWorkflow, RefundState]:
    client = await Client.connect(stack.embedded.settings.temporal_address)
    key = PaymentKey(hospital="main", med_org_ord=number)
    return client.get_workflow_handle_for(RefundWorkflow.run, refund_workflow_id(key, refund_no))


class TestWhatGoesBack:
    async def test_all(self, stack: Stack, number: str) -> None:
        order = await settled(stack, number)
        data = await refunded(stack, number, "R1")
        assert (data["state"], data["refdType"], data["totlRefdAmt"]) == ("REFUNDED", "ALL", "10.00")
        assert data["refdSn"].startswith("RF")
        assert await at_centre(stack, number) == (7, ["10.00"])
        assert await stack.state(number) == "REFUNDED"
        await told_his(stack, number, 1)
        # HIS gives the bill free after a full refund, and so do we: another payment may take it.
        again = outpatient_call(f"{number}-2", ORDER_ID=order["ORDER_ID"], TOTAL="10.00")
        assert (await stack.quoted(again))["feeSumamt"] == "10.00"

    async def test_the_insurance_then_the_cash(self, stack: Stack, paid: str) -> None:
        data = await refunded(stack, paid, "R1", type="HI")
        parts = [data[name] for name in ("cashRefdAmt", "psnAcctRefdAmt", "fundRefdAmt")]
        assert (data["state"], parts) == ("PARTIALLY_REFUNDED", ["0.00", "2.00", "6.00"])
        assert await at_centre(stack, paid) == (8, ["8.00"])
        assert (await refunded(stack, paid, "R2", type="CASH"))["cashRefdAmt"] == "2.00"
        assert await at_centre(stack, paid) == (7, ["8.00", "2.00"])
        assert await stack.state(paid) == "REFUNDED"

    async def test_the_cash_in_parts_and_never_too_much(self, stack: Stack, paid: str) -> None:
        await refunded(stack, paid, "R1", type="CASH", amount="0.50")
        await refunded(stack, paid, "R2", type="CASH", amount="0.70")
        too_much = await refund(stack, paid, "R3", type="CASH", amount="0.81")
        assert too_much.outcome == (200, "REFUND_EXCEEDS_PAID")
        assert (await refund(stack, paid, "R4")).outcome == (200, "REFUND_EXCEEDS_PAID")
        # A refusal uses no refundNo up.
        assert (await refunded(stack, paid, "R3", type="CASH", amount="0.80"))["state"] == "PARTIALLY_REFUNDED"
        assert (await refund(stack, paid, "R5", type="CASH")).outcome == (200, "NOT_REFUNDABLE")
        assert await at_centre(stack, paid) == (9, ["0.50", "0.70", "0.80"])
        await told_his(stack, paid, 3)
        view = await shown(stack, paid)
        assert (view["state"], view["refunded"]["totlRefdAmt"]) == ("PARTIALLY_REFUNDED", "2.00")
        assert [one["refundNo"] for one in view["refunds"]] == ["R1", "R2", "R3"]
        of_refunds = [entry["name"] for entry in view["timeline"] if entry["kind"] == "refund"]
        assert sorted(set(of_refunds)) == ["HIS_TOLD", "PARTIALLY_REFUNDED", "REFUNDING"]

    async def test_nothing_of_what_is_not_settled(self, stack: Stack, number: str) -> None:
        await stack.paid(outpatient_call(number))
        assert (await refund(stack, number, "R1")).outcome == (200, "NOT_REFUNDABLE")
        assert await sent(stack, number) == []


class TestTheSameNumber:
    async def test_twice_is_one_refund(self, stack: Stack, number: str) -> None:
        order = await settled(stack, number)
        wishes = [refund(stack, number, "R1", payAuthNo=f"A{at}-{number}") for at in range(4)]
        first, *others = await asyncio.gather(*wishes)
        assert data_of(first)["state"] == "REFUNDED"
        assert {answer.text for answer in others} == {first.text}
        assert (await refund(stack, number, "R1")).text == first.text
        assert await sent(stack, number) == ["applied"]
        # What the payment answered stays what it answers.
        (at_the_centre,) = await stack.others.centre_orders(number)
        assert (await stack.settle(order, at_the_centre["payOrdId"])).code == ""

    async def test_for_another_refund_is_a_conflict(self, stack: Stack, paid: str) -> None:
        await refunded(stack, paid, "R1", type="CASH", amount="0.50")
        for changes in ({"type": "HI"}, {"type": "CASH", "amount": "0.51"}):
            assert (await refund(stack, paid, "R1", **changes)).outcome == (200, "REFUND_CONFLICT")
        assert await at_centre(stack, paid) == (10, ["0.50"])


class TestAtOnce:
    async def test_two_of_everything_are_one(self, stack: Stack, paid: str) -> None:
        answers = await asyncio.gather(*(refund(stack, paid, f"R{at}") for at in range(3)))
        assert [answer.code for answer in answers].count("") == 1
        assert {answer.code for answer in answers} <= {"", "REFUND_EXCEEDS_PAID", "NOT_REFUNDABLE"}
        assert await at_centre(stack, paid) == (7, ["10.00"])

    async def test_several_of_the_cash_wait_for_each_other(self, stack: Stack, paid: str) -> None:
        wishes = [refund(stack, paid, f"R{at}", type="CASH", amount="0.80") for at in range(3)]
        codes = sorted(answer.code for answer in await asyncio.gather(*wishes))
        assert codes == ["", "", "REFUND_EXCEEDS_PAID"]
        assert await at_centre(stack, paid) == (10, ["0.80", "0.80"])


class TestOutcomeUnknown:
    async def test_a_lost_reply_is_asked_for(self, stack: Stack, paid: str) -> None:
        await stack.others.break_centre(txn="6203", kind="drop_after", times=1)
        data = await refunded(stack, paid, "R1")
        assert data["state"] == "REFUNDED"
        # The same appRefdSn again brings the number that was lost with the reply.
        assert data["refdSn"].startswith("RF")
        assert await sent(stack, paid) == ["applied", "replayed"]

    async def test_a_centre_that_does_not_know_is_asked(self, stack: Stack, paid: str) -> None:
        await stack.others.break_centre(txn="6203", kind="exp", times=1)
        assert (await refunded(stack, paid, "R1", type="HI"))["state"] == "PARTIALLY_REFUNDED"
        assert await sent(stack, paid) == ["applied", "replayed"]

    async def test_what_the_status_can_not_tell_is_sent_again(self, stack: Stack, paid: str) -> None:
        """Partly refunded before and after: the same appRefdSn again, and the centre answers it again."""
        await refunded(stack, paid, "R1", type="CASH", amount="0.50")
        await stack.others.break_centre(txn="6203", kind="drop_after", times=1)
        await refunded(stack, paid, "R2", type="CASH", amount="0.50")
        assert await sent(stack, paid) == ["applied", "applied", "replayed"]
        assert await at_centre(stack, paid) == (10, ["0.50", "0.50"])

    async def test_a_refund_that_never_arrived_is_sent_again(self, stack: Stack, paid: str) -> None:
        await stack.others.break_centre(txn="6203", kind="drop_before", times=1)
        assert (await refunded(stack, paid, "R1"))["state"] == "REFUNDED"
        assert await at_centre(stack, paid) == (7, ["10.00"])


class TestOurWorkerDies:
    async def test_while_the_centre_gives_the_money_back(self, stack: Stack, paid: str) -> None:
        """The attempt after it asks first: the money went back, and it goes back once."""
        await stack.others.break_centre(txn="6203", kind="delay", times=1, seconds=13)
        call = asyncio.create_task(stack.api.post(refunds_of(paid), refund_call("R1", payAuthNo=f"A-{paid}")))

        async def arrived() -> bool:
            return await sent(stack, paid) != []

        await eventually(arrived)
        await stack.kill("worker")
        await stack.start_worker()
        assert (await call).status in {200, 202}
        assert (await refunded(stack, paid, "R1"))["state"] == "REFUNDED"
        assert await at_centre(stack, paid) == (7, ["10.00"])


class TestRefused:
    async def test_by_the_centre_gives_the_reservation_back(self, stack: Stack, paid: str) -> None:
        await stack.others.break_centre(txn="6203", kind="refuse", times=1, message="支付授权码已过期")
        answer = await refund(stack, paid, "R1")
        assert answer.outcome == (200, "INSURANCE_REFUSED")
        assert "支付授权码已过期" in answer.json["MSG"]
        data = data_of(await stack.api.call("GET", refunds_of(paid, "R1")))
        assert (data["state"], data["errorCode"]) == ("REFUND_FAILED", "INSURANCE_REFUSED")
        assert (await refund(stack, paid, "R1")).text == answer.text
        assert (await shown(stack, paid))["refunded"]["totlRefdAmt"] == "0.00"
        assert (await refunded(stack, paid, "R2"))["state"] == "REFUNDED"

    async def test_before_anything_is_sent(self, stack: Stack, number: str) -> None:
        assert (await refund(stack, number, "R1")).outcome == (200, "UNKNOWN_ORDER")
        assert (await stack.api.call("GET", refunds_of(number, "R1"))).outcome == (404, "UNKNOWN_ORDER")
        assert (await refund(stack, number, "R1", amount="1.00")).outcome == (200, "INVALID_FIELD")


class TestHisDown:
    async def test_when_it_is_told_delays_no_answer(self, stack: Stack, paid: str) -> None:
        await stack.others.break_his(txn="refund", kind="http_500", times=-1)
        assert (await refunded(stack, paid, "R1"))["state"] == "REFUNDED"
        assert [one["hisToldAt"] for one in (await shown(stack, paid))["refunds"]] == [""]
        await stack.others.repair()
        await told_his(stack, paid, 1)


class TestTheStory:
    async def test_of_a_refund_that_goes_well_keeps_to_its_budget(self, stack: Stack, paid: str) -> None:
        await refunded(stack, paid, "R1")
        handle = await workflow_of(stack, paid, "R1")

        async def closed() -> bool:
            return (await handle.describe()).close_time is not None

        await eventually(closed)
        described = await handle.describe()
        assert described.history_length <= 24
        assert described.raw_description.workflow_execution_info.history_size_bytes <= 8 * KIB
        attributes = {pair.key.name: pair.value for pair in described.typed_search_attributes}
        assert (attributes["Hospital"], attributes["MedOrgOrd"]) == ("main", paid)
        assert (attributes["PaymentState"], attributes["NeedsAttention"]) == ("REFUNDED", False)

    async def test_holds_no_secret_in_the_clear(self, stack: Stack, paid: str) -> None:
        await refunded(stack, paid, "R1")
        handle = await workflow_of(stack, paid, "R1")
        story = str([event async for event in handle.fetch_history_events()])
        assert not any(secret in story for secret in (AUTH_MARKER, "张三", "1101011990", "退药", "10.00"))
