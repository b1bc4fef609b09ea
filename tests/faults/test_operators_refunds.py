"""An operator's refund on the whole stack takes two people, over HTTP or by command line; a caller's is one call."""

import json
from pathlib import Path

from temporalio.client import Client

from tests.faults.people import approved, key_of, proposed
from tests.faults.people import shown as case_of
from tests.faults.test_refunds import at_centre, refund, refund_call, refunds_of, settled
from tests.support.stack.api_server import Answer
from tests.support.stack.medpay_up import medpay_environment, run_medpay
from tests.support.stack.running import Stack, data_of

PROPOSED = (202, "")


async def wished(stack: Stack, number: str, **changes: object) -> Answer:
    """The operator's call."""
    wish = refund_call("R1", **({"payAuthNo": f"AUTH-{number}-R1"} | changes))
    return await stack.api.post(refunds_of(number), wish, key=key_of(stack, "operator"))


class TestOverHttp:
    async def test_is_proposed_by_one_and_approved_by_another(self, stack: Stack, number: str) -> None:
        await settled(stack, number)

        proposal = await wished(stack, number)

        data = proposal.json["DATA"]
        assert (proposal.outcome, proposal.json["CODE"]) == (PROPOSED, 0)
        assert (data["state"], data["refundNo"], len(data["proposal"])) == ("PROPOSED", "R1", 32)
        assert "6203" not in await stack.asked_of_centre(number)
        look = await stack.api.call("GET", refunds_of(number, "R1"))
        assert data_of(look)["state"] == "PROPOSED"
        listed = (await stack.api.call("GET", "/api/v1/reviews", key=key_of(stack, "approver"))).json["DATA"]["cases"]
        (case,) = [case for case in listed if case["medOrgOrd"] == number]
        assert (case["refundNo"], case["reason"]) == ("R1", "REFUND_PROPOSED")
        assert "ALL 10.00元" in case["message"]
        assert (await approved(stack, number, proposal, by="operator", refundNo="R1")).outcome == (403, "FORBIDDEN")
        assert "6203" not in await stack.asked_of_centre(number)

        decided = data_of(await approved(stack, number, proposal, refundNo="R1"))

        assert (decided["state"], decided["payAuthNoOf"]) == ("REFUNDED", "张* (PATIENT_ID 100001)")
        assert await at_centre(stack, number) == (7, ["10.00"])
        assert data_of(await approved(stack, number, proposal, refundNo="R1"))["state"] == "REFUNDED"
        assert data_of(await wished(stack, number))["state"] == "REFUNDED"
        assert (await stack.asked_of_centre(number)).count("6203") == 1

    async def test_survives_what_dies_meanwhile(self, stack: Stack, number: str) -> None:
        await settled(stack, number)
        proposal = await wished(stack, number)
        await stack.kill("worker")
        await stack.start_worker()

        assert data_of(await approved(stack, number, proposal, refundNo="R1"))["state"] == "REFUNDED"

    async def test_asked_for_twice_has_one_proposal(self, stack: Stack, number: str) -> None:
        await settled(stack, number)
        first, again = await wished(stack, number), await wished(stack, number)
        assert (again.outcome, again.json) == (PROPOSED, first.json)

        newer = await wished(stack, number, payAuthNo=f"AUTH-{number}-NEW")

        assert newer.json["DATA"]["proposal"] != first.json["DATA"]["proposal"]
        stale = await approved(stack, number, first, refundNo="R1")
        assert (stale.code, "取代" in stale.json["MSG"]) == ("ACTION_REFUSED", True)
        assert data_of(await approved(stack, number, newer, refundNo="R1"))["state"] == "REFUNDED"

    async def test_takes_a_newer_authorisation_in_the_review(self, stack: Stack, number: str) -> None:
        await settled(stack, number)
        await wished(stack, number)
        newer = await proposed(stack, number, "REFUND", by="approver", payAuthNo=f"AUTH-{number}-NEW", refundNo="R1")

        own = await approved(stack, number, newer, refundNo="R1")

        assert own.outcome == (403, "FORBIDDEN")
        assert "6203" not in await stack.asked_of_centre(number)

    async def test_that_can_not_be_made_is_refused_at_once(self, stack: Stack, number: str) -> None:
        assert (await wished(stack, number)).outcome == (200, "UNKNOWN_ORDER")
        await settled(stack, number)
        too_much = await wished(stack, number, type="CASH", amount="2.01")
        assert too_much.outcome == (200, "REFUND_EXCEEDS_PAID")

    async def test_whose_workflow_somebody_terminated_is_over(self, stack: Stack, number: str) -> None:
        await settled(stack, number)
        proposal = await wished(stack, number)
        client = await Client.connect(stack.embedded.settings.temporal_address)
        await client.get_workflow_handle(f"refund-main-{number}:R1").terminate("by mistake")

        gone = await approved(stack, number, proposal, refundNo="R1")

        assert (gone.code, "未退费" in gone.json["MSG"]) == ("ACTION_REFUSED", True)
        assert (await case_of(stack, number, refundNo="R1"))["outcome"] == "REFUND_FAILED"
        again = await wished(stack, number)
        assert (again.code, "新的退款单号(refundNo)" in again.json["MSG"]) == ("NOT_REFUNDABLE", True)
        assert "6203" not in await stack.asked_of_centre(number)

    async def test_of_a_caller_stays_one_call(self, stack: Stack, number: str) -> None:
        await settled(stack, number)
        assert data_of(await refund(stack, number, "R1"))["state"] == "REFUNDED"

    async def test_that_waits_is_no_caller_s(self, stack: Stack, number: str) -> None:
        await settled(stack, number)
        await wished(stack, number)
        assert (await refund(stack, number, "R1")).outcome == (200, "REFUND_CONFLICT")
        assert data_of(await refund(stack, number, "R2"))["state"] == "REFUNDED"


async def test_by_command_line(stack: Stack, number: str, tmp_path: Path) -> None:
    await settled(stack, number)
    environment = medpay_environment(stack.embedded.settings.data_dir)
    code_file = tmp_path / "code"
    code_file.write_text(f"AUTH-{number}", encoding="utf-8")

    async def review(person: str, *arguments: str) -> tuple[int, str, str]:
        options = ("--key-file", str(stack.embedded.person_key_files[person]), "--api", stack.embedded.api_url)
        return await run_medpay("review", *arguments, *options, cwd=tmp_path, environment=environment)

    wish = ("--reason", "患者退药", "--pay-auth-no-file", str(code_file), "--json")
    code, made, _ = await review("operator", "refund", number, "R1", *wish)
    assert code == 0
    proposal = json.loads(made)["proposal"]
    code, case, _ = await review("approver", "show", number, "--refund-no", "R1")
    assert (code, proposal in case, "张*  PATIENT_ID=100001" in case) == (0, True, True)
    code, done, _ = await review("approver", "approve", number, "--proposal", proposal, "--refund-no", "R1")
    assert (code, "REFUNDED" in done, "张* (PATIENT_ID 100001)" in done) == (0, True, True)
    assert (await case_of(stack, number, refundNo="R1"))["outcome"] == "REFUNDING"
