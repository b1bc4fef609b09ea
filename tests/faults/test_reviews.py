"""The review queue on a whole stack: what a machine can't decide, two people do, over HTTP or by command line."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import Client

from tests.faults.people import approved, proposed, shown
from tests.support.stack.medpay_up import medpay_environment, run_medpay
from tests.support.stack.running import AUTH_MARKER, Stack, data_of, outpatient_call, running_stack
from tests.support.waiting import eventually


@pytest_asyncio.fixture(scope="module")
async def hasty(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A stack whose revsToken serves for twenty seconds."""
    folder = tmp_path_factory.mktemp("hasty")
    async with running_stack(folder, reversal_window_s=20, his_retry_budget_s=15) as running:
        yield running


async def calls_of_his(stack: Stack, number: str) -> Any:  # noqa: ANN401 - JSON
    url = f"{stack.embedded.his_url}/_sim/calls"
    async with stack.api.session.get(url, params={"medOrgOrd": number}) as response:
        return await response.json()


async def ends(stack: Stack, number: str, state: str) -> None:
    async def ended() -> bool:
        return await stack.state(number) == state

    await eventually(ended)


async def with_wrong_amounts(stack: Stack, number: str) -> None:
    order = outpatient_call(number)
    pay_ord_id = await stack.paid(order)
    await stack.others.break_centre(txn="6301", kind="wrong_amount", times=-1)
    assert (await stack.settle(order, pay_ord_id)).code == "IN_REVIEW"


class TestAmountsThatDiffer:
    async def test_are_given_back_by_two_people(self, stack: Stack, number: str) -> None:
        await with_wrong_amounts(stack, number)

        case = await shown(stack, number)
        assert (case["reason"], case["centre"]["addsUpToTotal"], case["his"]["settlementNo"]) == (
            "AMOUNT_INCONSISTENT",
            "false",
            "",
        )
        assert (await proposed(stack, number, "BOOK")).code == "ACTION_REFUSED"
        wish = await proposed(stack, number, "REVERSE")
        assert data_of(wish)["waiting"] == "true"
        assert (await approved(stack, number, wish, by="operator")).outcome == (403, "FORBIDDEN")
        assert data_of(await approved(stack, number, wish))["state"] == "REVERSED"
        assert data_of(await approved(stack, number, wish))["message"] == "该操作已执行"

        assert (await stack.ord_stas(number), await stack.bookings(number)) == ([7], 0)
        events = [(event["event"], event["by"]) for event in (await shown(stack, number))["events"]]
        assert events == [
            ("refused", "operator"),
            ("proposed", "operator"),
            ("approved", "approver"),
            ("carried_out", "approver"),
        ]

    async def test_that_are_equal_again_are_booked_by_asking_again(self, stack: Stack, number: str) -> None:
        await with_wrong_amounts(stack, number)
        await stack.others.repair()

        assert data_of(await proposed(stack, number, "ASK_AGAIN"))["waiting"] == "false"

        await ends(stack, number, "SETTLED")
        assert (await stack.ord_stas(number), await stack.bookings(number)) == ([6], 1)

    async def test_nobody_approves_the_own_proposal(self, stack: Stack, number: str) -> None:
        await with_wrong_amounts(stack, number)

        own = await approved(stack, number, await proposed(stack, number, "REVERSE", by="approver"))

        assert own.outcome == (403, "FORBIDDEN")
        assert "自己的提议" in own.json["MSG"]
        assert await stack.ord_stas(number) == [6]

    async def test_that_his_booked_meanwhile_are_not_given_back(self, stack: Stack, number: str) -> None:
        order = outpatient_call(number, ORDER_ID="905000", TOTAL="50.01")
        pay_ord_id = await stack.paid(order)
        await stack.others.break_centre(txn="6301", kind="wrong_amount", times=-1)
        assert (await stack.settle(order, pay_ord_id)).code == "IN_REVIEW"
        wish = await proposed(stack, number, "REVERSE")
        await stack.caller_books(order, 5001)

        refused = await approved(stack, number, wish)

        assert refused.outcome == (200, "ACTION_REFUSED")
        assert "医院已入账" in refused.json["MSG"]
        wish = await proposed(stack, number, "ACCEPT")
        assert data_of(await approved(stack, number, wish))["state"] == "SETTLED"
        assert (await stack.ord_stas(number), await stack.bookings(number)) == ([6], 1)

    async def test_that_his_booked_are_refunded_at_both(self, stack: Stack, number: str) -> None:
        order = outpatient_call(number, ORDER_ID="906000", TOTAL="60.01")
        pay_ord_id = await stack.paid(order)
        await stack.others.break_centre(txn="6301", kind="wrong_amount", times=-1)
        assert (await stack.settle(order, pay_ord_id)).code == "IN_REVIEW"
        await stack.caller_books(order, 6001)

        wish = await proposed(stack, number, "REFUND", payAuthNo=f"{AUTH_MARKER}-{number}-back")
        assert data_of(wish)["payAuthNoOf"] == "张* (PATIENT_ID 100001)"
        assert (await shown(stack, number))["proposed"]["payAuthNoOf"] == "张* (PATIENT_ID 100001)"
        assert data_of(await approved(stack, number, wish))["state"] == "REVERSED"

        async def his_is_told() -> bool:
            return [call["verdict"] for call in await calls_of_his(stack, number) if call["txn"] == "refund"] == [
                "applied"
            ]

        await eventually(his_is_told)
        assert await stack.ord_stas(number) == [7]


async def test_an_abnormal_order_is_closed_as_not_paid(stack: Stack, number: str) -> None:
    order = outpatient_call(number)
    pay_ord_id = (await stack.quoted(order))["payOrdId"]
    await stack.patient_acts(pay_ord_id, "abnormal")
    assert (await stack.settle(order, pay_ord_id)).code == "IN_REVIEW"

    assert (await shown(stack, number))["safe"] == ["ASK_AGAIN", "CLOSE_UNPAID"]
    wish = await proposed(stack, number, "CLOSE_UNPAID")
    assert data_of(await approved(stack, number, wish))["state"] == "CANCELLED"
    assert (await stack.settle(order, pay_ord_id)).outcome == (200, "CANCELLED")


class TestHisSilentPastTheReversalDeadline:
    async def unknown(self, stack: Stack, number: str) -> None:
        order = outpatient_call(number)
        pay_ord_id = await stack.paid(order)
        await stack.others.break_his(txn="settle", kind="drop_before", times=-1)

        async def is_sent() -> bool:
            return any(call["txn"] == "settle" for call in await calls_of_his(stack, number))

        answer = asyncio.create_task(stack.settle(order, pay_ord_id))
        await eventually(is_sent)
        # Past the deadline HIS is still asked, and an answer would decide.
        await stack.others.break_his(txn="settlement_query", kind="drop_before", times=-1)
        assert (await answer).code == "IN_REVIEW"
        await stack.others.repair()

        async def deadline_is_over() -> bool:
            case = await shown(stack, number)
            return case["reason"] == "HIS_OUTCOME_UNKNOWN" and "REVERSE" in case["refused"]

        await eventually(deadline_is_over)

    async def test_is_booked_by_two_people_with_the_command_line(
        self, hasty: Stack, number: str, tmp_path: Path
    ) -> None:
        await self.unknown(hasty, number)
        environment = medpay_environment(hasty.embedded.settings.data_dir)

        async def review(person: str, *arguments: str) -> tuple[int, str, str]:
            file = str(hasty.embedded.person_key_files[person])
            options = ("--key-file", file, "--api", hasty.embedded.api_url)
            return await run_medpay("review", *arguments, *options, cwd=tmp_path, environment=environment)

        code, listed, _ = await review("operator", "list", "--json")
        assert (code, number in [case["medOrgOrd"] for case in json.loads(listed)]) == (0, True)
        code, case, _ = await review("operator", "show", number)
        assert (code, "HIS_OUTCOME_UNKNOWN" in case, "ordStas=6" in case) == (0, True, True)
        assert (await review("operator", "propose", number, "REVERSE", "--reason", "x"))[0] == 1
        code, made, _ = await review("operator", "propose", number, "BOOK", "--reason", "已核实未入账", "--json")
        proposal = ("--proposal", json.loads(made)["proposal"])
        assert code == 0
        assert proposal[1] in (await review("approver", "show", number))[1]
        code, _, errors = await review("operator", "approve", number, *proposal)
        assert (code, "FORBIDDEN" in errors) == (2, True)
        code, decision, _ = await review("approver", "approve", number, *proposal, "--json")
        assert (code, json.loads(decision)["waiting"]) == (0, "false")

        await ends(hasty, number, "SETTLED")
        assert (await hasty.ord_stas(number), await hasty.bookings(number)) == ([6], 1)
        code, case, _ = await review("operator", "show", number)
        assert (code, "已核实未入账" in case, "carried_out  BOOK  approver" in case) == (0, True, True)

    async def test_is_refunded_with_a_new_authorisation(self, hasty: Stack, number: str) -> None:
        await self.unknown(hasty, number)

        assert (await proposed(hasty, number, "REFUND")).code == "ACTION_REFUSED"
        wish = await proposed(hasty, number, "REFUND", payAuthNo=f"{AUTH_MARKER}-{number}-back")
        assert data_of(await approved(hasty, number, wish))["state"] == "REVERSED"

        (order,) = await hasty.others.centre_orders(number)
        assert [refund["appRefdSn"] for refund in order["refunds"]] == [f"{number}-RVW"]
        assert (order["ordStas"], await hasty.bookings(number)) == (7, 0)

    async def test_without_a_key_is_wrong_use(self, hasty: Stack, tmp_path: Path) -> None:
        environment = medpay_environment(hasty.embedded.settings.data_dir)
        code, _, errors = await run_medpay("review", "list", cwd=tmp_path, environment=environment)
        assert (code, "MEDPAY_REVIEW_KEY" in errors) == (2, True)


class TestAWorkflowThatSomebodyTerminated:
    async def test_is_found_by_the_next_call_and_decided_by_two_people(self, stack: Stack, number: str) -> None:
        """The money is there, and nobody watches it any more."""
        order = outpatient_call(number)
        pay_ord_id = await stack.paid(order)
        client = await Client.connect(stack.embedded.settings.temporal_address)
        await client.get_workflow_handle(f"payment-main-{number}").terminate("by mistake")

        assert (await stack.settle(order, pay_ord_id)).outcome == (200, "IN_REVIEW")

        async def under_review() -> bool:
            return await stack.state(number) == "IN_REVIEW"

        await eventually(under_review)
        assert (await shown(stack, number))["reason"] == "BROKEN_OFF"
        wish = await proposed(stack, number, "BOOK")
        assert wish.outcome == (200, "")
        assert (await approved(stack, number, wish)).outcome == (200, "")
        assert (await stack.state(number), await stack.bookings(number)) == ("SETTLED", 1)
        assert (await stack.settled(order, pay_ord_id))["payOrdId"] == pay_ord_id
