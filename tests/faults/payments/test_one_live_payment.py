"""One live payment per bill: who comes last goes on, unless the earlier one is paid (product rule 3)."""

import asyncio

import pytest

from domain.values.fen import Fen, yuan
from tests.support.stack.api_server import PRE_SETTLE
from tests.support.stack.running import Call, Stack, outpatient_call, registration_call
from tests.support.waiting import eventually


def again(order: Call, number: str, **changes: object) -> Call:
    """The same bill once more, under another number."""
    return {**order, "medOrgOrd": number, "payAuthNo": f"AUTH-{number}", **changes}


class TestAnUnpaidEarlierOne:
    @pytest.mark.parametrize("ordered", [outpatient_call, registration_call])
    async def test_is_superseded_and_revoked(self, stack: Stack, number: str, ordered: object) -> None:
        make = outpatient_call if ordered is outpatient_call else registration_call
        first = make(number)
        second = again(first, f"{number}B")
        await stack.quoted(first)
        pay_ord_id = (await stack.quoted(second))["payOrdId"]

        assert await stack.state(number) == "CANCELLED"
        assert (await stack.ord_stas(number), await stack.ord_stas(f"{number}B")) == ([12], [1])
        answer = await stack.pre_settle(first)
        assert (answer.code, f"{number}B" in answer.json["MSG"]) == ("CANCELLED", True)
        await stack.others.patient_pays(pay_ord_id)
        await stack.settled(second, pay_ord_id)

    async def test_with_one_prescription_in_common_is_superseded(self, stack: Stack, number: str) -> None:
        one, two = outpatient_call(number), outpatient_call(f"{number}B")
        both = [str(order["ORDER_ID"]) for order in (one, two)]
        total = yuan(Fen(sum(int(order_id[1:]) + 1 for order_id in both)))
        second = {**two, "ORDER_ID": "|".join(reversed(both)), "TOTAL": total}
        await stack.quoted(one)
        await stack.quoted(second)

        assert (await stack.state(number), await stack.ord_stas(f"{number}B")) == ("CANCELLED", [1])

    async def test_of_which_nobody_has_answered_yet_is_superseded(self, stack: Stack, number: str) -> None:
        """The earlier one hangs in 6201 when the newer one comes."""
        first = outpatient_call(number)
        await stack.others.break_centre(txn="6201", kind="delay", times=1, seconds=13)
        one, other = await asyncio.gather(stack.pre_settle(first), self._later(stack, again(first, f"{number}B")))

        assert (one.code, other) == ("CANCELLED", "")
        assert (await stack.state(number), await stack.state(f"{number}B")) == ("CANCELLED", "PRE_SETTLED")

    async def _later(self, stack: Stack, order: Call) -> str:
        async def hangs() -> bool:
            return (
                bool(await stack.asked_of_centre(str(order["medOrgOrd"])[:-1]))
                or await stack.state(str(order["medOrgOrd"])[:-1]) == "PRICED"
            )

        await eventually(hangs)
        return (await stack.pre_settle(order)).code


async def test_at_the_same_instant_one_is_left(stack: Stack, number: str) -> None:
    first = outpatient_call(number)
    numbers = [number, *(f"{number}{letter}" for letter in "BCD")]
    answers = await asyncio.gather(*(stack.pre_settle(again(first, each)) for each in numbers))

    states = [await stack.state(each) for each in numbers]
    assert sorted(states) == ["CANCELLED", "CANCELLED", "CANCELLED", "PRE_SETTLED"]
    # One that was not quite as late may have had its split before the next one took its place.
    assert {answer.code for answer in answers} <= {"", "CANCELLED"}
    assert answers[states.index("PRE_SETTLED")].code == ""
    payable = [stas for each in numbers for stas in await stack.ord_stas(each) if stas in {0, 1}]
    assert payable == [1]


class TestAPaidEarlierOne:
    async def test_refuses_the_newer_one(self, stack: Stack, number: str) -> None:
        first = outpatient_call(number)
        pay_ord_id = await stack.paid(first)
        answer = await stack.pre_settle(again(first, f"{number}B"))

        assert answer.outcome == (200, "BILL_ALREADY_PAID")
        assert (await stack.ord_stas(f"{number}B"), await stack.state(f"{number}B")) == ([], "REJECTED")
        await stack.settled(first, pay_ord_id)

    async def test_that_the_patient_is_paying_is_waited_for(self, stack: Stack, number: str) -> None:
        first = outpatient_call(number)
        pay_ord_id = (await stack.quoted(first))["payOrdId"]
        await stack.patient_acts(pay_ord_id, "cash_only")
        second = again(first, f"{number}B")

        assert (await stack.api.post(PRE_SETTLE, second)).outcome == (202, "PROCESSING")
        await stack.others.patient_pays(pay_ord_id)
        assert (await stack.pre_settle(second)).outcome == (200, "BILL_ALREADY_PAID")

    async def test_that_was_reversed_gives_the_bill_free(self, stack: Stack, number: str) -> None:
        first = outpatient_call(number)
        pay_ord_id = await stack.paid(first)
        await stack.others.break_his(txn="settle", kind="refuse", times=-1, message="科室已停诊")
        assert (await stack.settle(first, pay_ord_id)).code == "REVERSED"
        await stack.others.repair()

        await stack.quoted(again(first, f"{number}B"))
        assert await stack.ord_stas(f"{number}B") == [1]


async def test_a_wrong_patient_number_disturbs_nobody(stack: Stack, number: str) -> None:
    first = outpatient_call(number)
    await stack.quoted(first)
    other = again(first, f"{number}B", ID_NO="11010119900307109X")

    assert (await stack.pre_settle(other)).code == "PATIENT_MISMATCH"
    assert (await stack.state(number), await stack.ord_stas(number)) == ("PRE_SETTLED", [1])


async def test_a_second_registration_of_the_day_after_the_first_is_settled(stack: Stack, number: str) -> None:
    first = registration_call(number)
    await stack.settled(first, await stack.paid(first))
    second = again(first, f"{number}B")
    await stack.settled(second, await stack.paid(second))

    assert len(await stack.visits(f"{number}B")) == 1


async def test_across_a_workers_restart(stack: Stack, number: str) -> None:
    """The worker dies while the earlier one is being withdrawn."""
    first = outpatient_call(number)
    await stack.quoted(first)
    await stack.others.break_centre(txn="6401", kind="delay", times=1, seconds=13)
    call = asyncio.create_task(stack.pre_settle(again(first, f"{number}B")))

    async def revoking() -> bool:
        return "6401" in await stack.asked_of_centre(number)

    await eventually(revoking)
    await stack.kill("worker")
    await stack.start_worker()
    assert (await call).outcome == (200, "")
    assert (await stack.state(number), await stack.ord_stas(number)) == ("CANCELLED", [12])
    assert await stack.ord_stas(f"{number}B") == [1]
