"""The review queue over HTTP, from our rows alone: Temporal is away. Roles, pages, closed cases, what is refused."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from domain.errors import ErrorCode
from domain.reviews import CaseEvent, ReviewAction
from domain.states import PaymentState
from domain.values.fen import Fen
from storage.records import CaseEventRecord, CaseOpening, PaymentFacts
from tests.support.stack import recorded
from tests.support.stack.api_server import KEY, KEYS, ApiServer, free_port, serving_api, settings_for
from tests.support.stack.recorded import TO_PAID
from tests.support.values.orders import outpatient
from tests.support.values.records import AT, SETTLEMENT, SPLIT, key_of, later

REVIEWS = "/api/v1/reviews"
PROPOSAL = "5f3c0e9a4b7d41f2a6c8e1d09b37a254"
OPERATOR, APPROVER, AUDITOR = KEYS["operator"], KEYS["approver"], KEYS["auditor"]
REVIEWED = PaymentFacts(
    pay_ord_id="ORD1",
    split=SPLIT,
    settlement=SETTLEMENT,
    error_code=ErrorCode.IN_REVIEW,
    error_message="医院入账结果未知, 已转人工核查",
    note="HIS_OUTCOME_UNKNOWN",
)
S = PaymentState


async def given(api: ApiServer, number: str, *then: PaymentState) -> None:
    """A payment under review, and what came after it."""
    await recorded.given(api, outpatient(number), *TO_PAID, S.IN_REVIEW, *then, facts=REVIEWED)


def booking(event: CaseEvent, by: str) -> CaseEventRecord:
    return CaseEventRecord(
        event=event, action=ReviewAction.BOOK, by=by, reason="已核实", at=later(9), proposal=PROPOSAL
    )


async def noted(api: ApiServer, *events: CaseEventRecord) -> None:
    """What people did about the case of M1."""
    async with api.records() as database, database.begin() as unit:
        for event in events:
            await unit.reviews.noted(key_of(outpatient("M1")), "", event)


async def page(api: ApiServer, cursor: str = "") -> dict[str, Any]:
    answer = await api.call("GET", REVIEWS, key=AUDITOR, params={"cursor": cursor} if cursor else {})
    assert answer.outcome == (200, "")
    data: dict[str, Any] = answer.json["DATA"]
    return data


class TestRoles:
    @pytest.mark.parametrize(
        ("key", "looks", "proposes", "approves"),
        [
            (KEY, "FORBIDDEN", "FORBIDDEN", "FORBIDDEN"),
            (AUDITOR, "", "FORBIDDEN", "FORBIDDEN"),
            (OPERATOR, "", "UNAVAILABLE", "FORBIDDEN"),
            (APPROVER, "", "UNAVAILABLE", "UNAVAILABLE"),
            ("unknown", "UNAUTHORIZED", "UNAUTHORIZED", "UNAUTHORIZED"),
        ],
        ids=["caller", "auditor", "operator", "approver", "nobody"],
    )
    async def test_who_may_do_what(self, api: ApiServer, key: str, looks: str, proposes: str, approves: str) -> None:
        await given(api, "M1")
        await noted(api, booking(CaseEvent.PROPOSED, "li"))
        wish = {"action": "BOOK", "reason": "已核实"}
        assert (await api.call("GET", REVIEWS, key=key)).code == looks
        assert (await api.call("GET", f"{REVIEWS}/M1", key=key)).code == looks
        assert (await api.post(f"{REVIEWS}/M1/proposals", wish, key=key)).code == proposes
        assert (await api.post(f"{REVIEWS}/M1/approvals", {"proposal": PROPOSAL}, key=key)).code == approves

    async def test_an_open_api_is_a_callers_only(self, prepared_folder: Path, tmp_path: Path) -> None:
        folder = shutil.copytree(prepared_folder, tmp_path / "data")
        settings = settings_for(folder, f"127.0.0.1:{free_port()}", api_key=None, auth="none")
        async with serving_api(settings) as server:
            assert (await server.call("GET", REVIEWS, key=None)).outcome == (403, "FORBIDDEN")


class TestThePage:
    async def test_shows_what_is_open_with_the_money_at_risk_and_the_deadline(self, api: ApiServer) -> None:
        await given(api, "M1")
        await given(api, "M2", S.PAID)

        (case,) = (await page(api))["cases"]

        assert (case["medOrgOrd"], case["reason"], case["atRiskFen"]) == ("M1", "HIS_OUTCOME_UNKNOWN", "12850")
        assert case["deadline"] == SETTLEMENT.reversal_deadline.isoformat(timespec="milliseconds")
        assert int(case["ageS"]) > 0
        assert case["workflowId"] == "payment-main-M1"

    async def test_goes_on_where_the_last_one_ended(self, api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("api.reviews.service.PAGE_MAX", 2)
        for number in ("M1", "M2", "M3"):
            await given(api, number)

        first = await page(api)
        second = await page(api, first["nextCursor"])

        assert [case["medOrgOrd"] for case in first["cases"]] == ["M1", "M2"]
        assert ([case["medOrgOrd"] for case in second["cases"]], second["nextCursor"]) == (["M3"], "")

    async def test_takes_only_a_cursor_that_it_gave(self, api: ApiServer) -> None:
        answer = await api.call("GET", REVIEWS, key=AUDITOR, params={"cursor": "x"})
        assert answer.outcome == (200, "INVALID_FIELD")
        assert "(cursor)" in answer.json["MSG"]

    async def test_is_another_hospitals_business(self, api: ApiServer) -> None:
        order = outpatient("W1", hospital="west")
        async with api.records() as database, database.begin() as unit:
            await unit.payments.receive(order, AT)
            await unit.payments.record(key_of(order), 1, AT, state=S.RECEIVED)
            await unit.reviews.opened(
                CaseOpening(
                    key=key_of(order),
                    workflow_id=order.workflow_id,
                    reason="STILL_PAYING",
                    message="",
                    at_risk_fen=Fen(1),
                    opened_at=AT,
                )
            )

        assert (await page(api))["cases"] == []
        assert (await api.call("GET", f"{REVIEWS}/W1", key=AUDITOR)).outcome == (404, "UNKNOWN_ORDER")


class TestACase:
    async def test_is_shown_from_our_rows_where_nobody_can_be_asked(self, api: ApiServer) -> None:
        await given(api, "M1")

        answer = await api.call("GET", f"{REVIEWS}/M1", key=AUDITOR)

        assert answer.outcome == (200, "")
        assert answer.json["DATA"]["reason"] == "HIS_OUTCOME_UNKNOWN"
        assert answer.json["DATA"]["centre"] == {}
        assert "暂不可用" in answer.json["DATA"]["unasked"]

    async def test_that_is_closed_is_shown_with_its_outcome_and_refuses_everything(self, api: ApiServer) -> None:
        await given(api, "M1", S.PAID, S.SETTLED)
        await noted(api, booking(CaseEvent.PROPOSED, "li"))

        shown = (await api.call("GET", f"{REVIEWS}/M1", key=AUDITOR)).json["DATA"]
        proposal = await api.post(f"{REVIEWS}/M1/proposals", {"action": "BOOK", "reason": "x"}, key=OPERATOR)
        approval = await api.post(f"{REVIEWS}/M1/approvals", {"proposal": PROPOSAL}, key=APPROVER)

        assert (shown["outcome"], shown["state"], shown["unasked"]) == ("PAID", "SETTLED", "不在人工核查中")
        assert (proposal.outcome, approval.outcome) == ((200, "ACTION_REFUSED"), (200, "ACTION_REFUSED"))
        assert "PAID" in proposal.json["MSG"]

    async def test_approved_once_is_answered_again_to_the_same_person(self, api: ApiServer) -> None:
        await given(api, "M1", S.PAID, S.SETTLED)
        other = booking(CaseEvent.PROPOSED, "li").model_copy(update={"proposal": PROPOSAL[::-1]})
        await noted(api, booking(CaseEvent.PROPOSED, "li"), booking(CaseEvent.APPROVED, "approver-key"))
        await noted(api, other.model_copy(update={"at": later(10)}))

        again = await api.post(f"{REVIEWS}/M1/approvals", {"proposal": PROPOSAL}, key=APPROVER)

        assert again.json["DATA"] == {
            "state": "SETTLED",
            "message": "该操作已执行",
            "waiting": "false",
            "proposal": PROPOSAL,
        }
        for word in ({"proposal": PROPOSAL[::-1]}, {"proposal": "0" * 32}, {"proposal": PROPOSAL, "action": "REVERSE"}):
            assert (await api.post(f"{REVIEWS}/M1/approvals", word, key=APPROVER)).code == "ACTION_REFUSED"

    async def test_stands_on_the_payments_timeline(self, api: ApiServer) -> None:
        await given(api, "M1")
        await noted(api, booking(CaseEvent.PROPOSED, "li"))

        shown = (await api.call("GET", "/api/v1/payments/M1")).json["DATA"]["timeline"][-1]

        assert (shown["kind"], shown["name"], shown["message"]) == ("decision", "BOOK", "proposed li: 已核实")

    async def test_that_never_was_is_unknown(self, api: ApiServer) -> None:
        for path in ("M9", "M9?refundNo=R1", "a b"):
            assert (await api.call("GET", f"{REVIEWS}/{path}", key=AUDITOR)).outcome == (404, "UNKNOWN_ORDER")
        wish = {"action": "ASK_AGAIN", "refundNo": "R1"}
        assert (await api.post(f"{REVIEWS}/M9/proposals", wish, key=OPERATOR)).outcome == (404, "UNKNOWN_ORDER")


class TestWhatIsSent:
    @pytest.mark.parametrize(
        ("body", "code", "field"),
        [
            ({}, "MISSING_FIELD", "action"),
            ({"action": "DELETE", "reason": "x"}, "INVALID_FIELD", "action"),
            ({"action": "BOOK"}, "MISSING_FIELD", "reason"),
            ({"action": "BOOK", "reason": "x" * 301}, "INVALID_FIELD", "reason"),
            ({"action": "BOOK", "reason": "x", "refundNo": "a b"}, "INVALID_FIELD", "refundNo"),
        ],
    )
    async def test_is_checked_by_field(self, api: ApiServer, body: dict[str, str], code: str, field: str) -> None:
        await given(api, "M1")
        answer = await api.post(f"{REVIEWS}/M1/proposals", body, key=OPERATOR)
        assert answer.outcome == (200, code)
        assert f"({field})" in answer.json["MSG"]

    @pytest.mark.parametrize(
        ("body", "code", "field"),
        [
            ({"action": "BOOK"}, "MISSING_FIELD", "proposal"),
            ({"proposal": "last"}, "INVALID_FIELD", "proposal"),
            ({"proposal": PROPOSAL.upper()}, "INVALID_FIELD", "proposal"),
            ({"proposal": PROPOSAL, "action": "DELETE"}, "INVALID_FIELD", "action"),
        ],
    )
    async def test_an_approval_names_its_proposal(
        self, api: ApiServer, body: dict[str, str], code: str, field: str
    ) -> None:
        await given(api, "M1")
        answer = await api.post(f"{REVIEWS}/M1/approvals", body, key=APPROVER)
        assert answer.outcome == (200, code)
        assert f"({field})" in answer.json["MSG"]
