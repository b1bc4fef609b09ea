"""What a caller is told, to the letter."""

import json

import pytest

from domain.base import PaymentKey
from domain.notifications import EVENT_NAMES, NotificationEvent, Notify, ToldFacts, body_of, event_of
from domain.states import PaymentState
from domain.values.fen import Fen
from tests.support.values.records import AT

KEY = PaymentKey(hospital="main", med_org_ord="M1")
FACTS = ToldFacts(
    state=PaymentState.REVERSED,
    pay_ord_id="ORD1",
    total_fen=Fen(12850),
    fee_sum_fen=Fen(12850),
    own_pay_fen=Fen(2570),
    psn_acct_fen=Fen(2570),
    fund_fen=Fen(7710),
    refunded_own_fen=Fen(0),
    refunded_acct_fen=Fen(0),
    refunded_fund_fen=Fen(0),
    error_code="REVERSED",
    error_message="医院入账失败",
    refund_no="",
)


def test_the_body_to_the_letter() -> None:
    assert body_of(NotificationEvent.REVERSED, AT, KEY, FACTS) == (
        '{"type":"payment.reversed","timestamp":"2026-01-05T01:00:00.123+00:00","data":{"hospital":"main",'
        '"medOrgOrd":"M1","payOrdId":"ORD1","state":"REVERSED","amounts":{"TOTAL":"128.50","feeSumamt":"128.50",'
        '"ownPayAmt":"25.70","psnAcctPay":"25.70","fundPay":"77.10","refundedOwnPayAmt":"0.00",'
        '"refundedPsnAcctPay":"0.00","refundedFundPay":"0.00"},"errorCode":"REVERSED","errorMessage":"医院入账失败"}}'
    )


def test_a_refunds_names_it_and_what_went_back() -> None:
    state = PaymentState.PARTIALLY_REFUNDED
    facts = FACTS.model_copy(update={"state": state, "refund_no": "R1", "refunded_own_fen": Fen(570)})
    data = json.loads(body_of(NotificationEvent.PARTIALLY_REFUNDED, AT, KEY, facts))["data"]
    assert (data["refundNo"], data["amounts"]["refundedOwnPayAmt"]) == ("R1", "5.70")


def test_what_a_review_said_is_over_once_the_payment_is_settled() -> None:
    facts = FACTS.model_copy(update={"state": PaymentState.SETTLED, "error_code": "IN_REVIEW"})
    data = json.loads(body_of(NotificationEvent.SETTLED, AT, KEY, facts))["data"]
    assert (data["errorCode"], data["errorMessage"]) == ("", "")


def test_a_payment_without_a_split_has_empty_amounts() -> None:
    facts = FACTS.model_copy(update=dict.fromkeys(("fee_sum_fen", "own_pay_fen", "psn_acct_fen", "fund_fen")))
    amounts = json.loads(body_of(NotificationEvent.IN_REVIEW, AT, KEY, facts))["data"]["amounts"]
    assert (amounts["TOTAL"], amounts["feeSumamt"], amounts["fundPay"]) == ("128.50", "", "")


@pytest.mark.parametrize("state", PaymentState)
def test_each_state_that_is_told_has_its_event(state: PaymentState) -> None:
    told = {"SETTLED", "EXPIRED", "REVERSED", "REFUNDED", "PARTIALLY_REFUNDED", "IN_REVIEW"}
    expected = f"payment.{state.lower()}" if state in told else None
    assert event_of(state) == expected
    assert (expected in EVENT_NAMES) is (state in told)


def test_a_replay_keeps_the_webhook_id_and_is_a_workflow_of_its_own() -> None:
    first = Notify(**KEY.model_dump(), notification_id=7, run=1, event=NotificationEvent.SETTLED)
    again = first.model_copy(update={"run": 2})
    assert (first.webhook_id, first.workflow_id) == ("notify-main-M1-7", "notify-main-M1-7")
    assert (again.webhook_id, again.workflow_id) == ("notify-main-M1-7", "notify-main-M1-7-2")
