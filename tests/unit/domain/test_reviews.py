"""Which actions are safe on which facts, and what the rules alone make of them."""

from datetime import timedelta
from typing import Any

import pytest

from domain.attention import ATTENTION, AttentionReason
from domain.reviews import ALONE, ReviewAction, ReviewFacts, clear_by_now, refused_actions
from domain.states import TRANSITIONS, PaymentState
from tests.support.records import AT, later

A = ReviewAction
EVERY = set(ReviewAction) - ALONE
R = AttentionReason
AFTER_REVERSAL = sorted(reason for reason, rule in ATTENTION.items() if rule.after_reversal)
WAITING = [R.STILL_PAYING, R.ORDER_STATUS_UNKNOWN, R.ORDER_STATUS_14, R.REVOCATION_REFUSED, R.REVOCATION_UNRESOLVED]


def facts(ord_stas: int | None = 6, **changes: Any) -> ReviewFacts:
    """Paid, HIS answers and has nothing booked, revsToken serves."""
    known: dict[str, Any] = {
        "ord_stas": ord_stas,
        "his_answers": True,
        "settlement_no": None,
        "visit_id": None,
        "reversible_until": later(60),
    }
    return ReviewFacts(**(known | changes))


def safe(seen: ReviewFacts) -> set[ReviewAction]:
    return EVERY - set(refused_actions(seen, AT))


class TestWhatIsSafe:
    @pytest.mark.parametrize(
        ("seen", "actions"),
        [
            (facts(), {A.BOOK, A.REVERSE}),
            (facts(reversible_until=AT), {A.BOOK, A.REFUND}),
            (facts(reversible_until=None), {A.BOOK, A.REFUND}),
            (facts(settlement_no="S1"), {A.ACCEPT, A.REFUND}),
            (facts(his_answers=False), set()),
            (facts(None), set()),
            (facts(adds_up=False, same_amounts=False), {A.REVERSE}),
            (facts(same_amounts=False), {A.BOOK, A.REVERSE}),
            (facts(visit_missing=True), {A.REVERSE}),
            (facts(7, went_back=True), {A.CLOSE_UNPAID}),
            (facts(7, went_back=True, settlement_no="S1"), {A.REFUND}),
            (facts(8, went_back=True), {A.CLOSE_UNPAID}),
            (facts(7, went_back=True, his_answers=False), set()),
        ],
    )
    def test_when_money_moved(self, seen: ReviewFacts, actions: set[ReviewAction]) -> None:
        assert safe(seen) == actions

    @pytest.mark.parametrize("ord_stas", [0, 1, 12, 13, 14, 15, 16])
    def test_what_is_not_paid_may_be_closed(self, ord_stas: int) -> None:
        assert safe(facts(ord_stas)) == {A.CLOSE_UNPAID}
        assert safe(facts(ord_stas, settlement_no="S1")) == set()
        assert safe(facts(ord_stas, his_answers=False)) == set()

    @pytest.mark.parametrize("ord_stas", [2, 3, 4, 5, 8, 9, 10, 11, 17, 18, 25])
    def test_what_may_be_paid_may_not_be_closed(self, ord_stas: int) -> None:
        assert safe(facts(ord_stas)) == set()

    @pytest.mark.parametrize("ord_stas", [None, *range(26)])
    @pytest.mark.parametrize("settlement_no", [None, "S1"])
    def test_nothing_is_both_booked_and_given_back(self, ord_stas: int | None, settlement_no: str | None) -> None:
        actions = safe(facts(ord_stas, settlement_no=settlement_no))
        assert not {A.BOOK, A.ACCEPT} <= actions
        assert A.REVERSE not in actions or settlement_no is None
        assert A.CLOSE_UNPAID not in actions or ord_stas != 6

    def test_each_refusal_says_why_in_chinese(self) -> None:
        for seen in (facts(None), facts(14), facts(settlement_no="S1"), facts(7, went_back=True)):
            assert all(any("一" <= char <= "鿿" for char in why) for why in refused_actions(seen, AT).values())

    def test_the_deadline_is_the_moment_at_which_it_ends(self) -> None:
        seen = facts(reversible_until=later(60))
        assert A.REVERSE not in refused_actions(seen, later(60) - timedelta(microseconds=1))
        assert A.REVERSE in refused_actions(seen, later(60))


class TestWhatIsClear:
    @pytest.mark.parametrize("reason", WAITING)
    def test_a_status_that_was_waited_for(self, reason: AttentionReason) -> None:
        assert clear_by_now(reason, facts()) is PaymentState.PAID
        assert clear_by_now(reason, facts(12)) is PaymentState.CANCELLED
        assert clear_by_now(reason, facts(15)) is PaymentState.REJECTED

    @pytest.mark.parametrize("reason", [*WAITING, *AFTER_REVERSAL, R.HIS_OUTCOME_UNKNOWN, R.LATE_MONEY])
    def test_both_sides_agree_that_it_is_settled(self, reason: AttentionReason) -> None:
        assert clear_by_now(reason, facts(settlement_no="S1")) is PaymentState.SETTLED
        assert clear_by_now(reason, facts(settlement_no="S1", same_amounts=False)) is None

    @pytest.mark.parametrize("reason", AFTER_REVERSAL)
    def test_what_we_gave_back_is_back(self, reason: AttentionReason) -> None:
        assert clear_by_now(reason, facts(7, went_back=True)) is PaymentState.REVERSED
        assert clear_by_now(reason, facts(7, went_back=True, settlement_no="S1")) is None

    @pytest.mark.parametrize(
        ("reason", "seen"),
        [
            (R.ORDER_STATUS_7, facts(7, went_back=True)),
            (R.HIS_OUTCOME_UNKNOWN, facts()),
            (R.REVERSAL_REFUSED, facts()),
            (R.LATE_MONEY, facts()),
            (R.LATE_MONEY, facts(12)),
            (R.STILL_PAYING, facts(2)),
            (R.STILL_PAYING, facts(None)),
            (R.STILL_PAYING, facts(his_answers=False)),
            (R.STILL_PAYING, facts(12, settlement_no="S1")),
            (R.AMOUNT_INCONSISTENT, facts(same_amounts=False)),
            (R.AMOUNT_INCONSISTENT, facts(12)),
            (R.VISIT_MISSING, facts(visit_missing=True)),
        ],
    )
    def test_the_rest_is_a_persons(self, reason: AttentionReason, seen: ReviewFacts) -> None:
        assert clear_by_now(reason, seen) is None

    def test_amounts_that_are_equal_now(self) -> None:
        assert clear_by_now(R.AMOUNT_INCONSISTENT, facts()) is PaymentState.PAID

    def test_the_visit_that_was_missing(self) -> None:
        assert clear_by_now(R.VISIT_MISSING, facts(visit_id="V1")) is PaymentState.PAID

    @pytest.mark.parametrize("ord_stas", [None, *range(26)])
    def test_leads_only_where_the_state_machine_allows(self, ord_stas: int | None) -> None:
        state = clear_by_now(R.STILL_PAYING, facts(ord_stas))
        assert state is None or state in TRANSITIONS[PaymentState.IN_REVIEW]
