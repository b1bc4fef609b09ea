"""What may go back, and what the order's status says of it."""

import pytest

from domain.errors import ErrorCode, PaymentError
from domain.ids import refund_sn
from domain.insurance import RefundParts, RefundType
from domain.ord_stas import RefundLook, RefundVerdict, refund_verdict
from domain.orders import CashRefundedBy
from domain.refunds import (
    RefundOrder,
    check_refundable,
    check_same_refund,
    parts_to_refund,
    state_after,
)
from domain.reviews import ReviewAction, refused_on_refund
from domain.states import SETTLED_STATES, PaymentState, RefundState
from domain.values.fen import Fen

ALL, CASH, HI = RefundType.ALL, RefundType.CASH, RefundType.HI
DONE, NOT_DONE, UNCLEAR = RefundVerdict.DONE, RefundVerdict.NOT_DONE, RefundVerdict.UNCLEAR


def parts(own: int, acct: int, fund: int) -> RefundParts:
    return RefundParts(own_pay_fen=Fen(own), psn_acct_fen=Fen(acct), fund_fen=Fen(fund))


PAID, NOTHING = parts(200, 200, 600), parts(0, 0, 0)
INSURANCE = parts(0, 200, 600)


def wish(refund_type: RefundType, amount_fen: int | None = None) -> RefundOrder:
    return RefundOrder(
        hospital="main",
        med_org_ord="M1",
        refund_no="R1",
        refund_type=refund_type,
        amount_fen=None if amount_fen is None else Fen(amount_fen),
        pay_auth_no="AUTH",
        reason="退药",
        requested_by="caller",
    )


def back(
    order: RefundOrder,
    before: RefundParts = NOTHING,
    by: CashRefundedBy = CashRefundedBy.CENTRE,
    paid: RefundParts = PAID,
) -> RefundParts:
    return parts_to_refund(order, paid, before, by)


class TestIds:
    def test_are_derived(self) -> None:
        assert wish(ALL).workflow_id == "refund-main-M1:R1"
        assert refund_sn("M1", "R1") == "M1:R1"


class TestParts:
    def test_of_everything_are_what_was_paid(self) -> None:
        assert back(wish(ALL)) == PAID

    def test_of_the_insurance_are_both_its_parts(self) -> None:
        assert back(wish(HI), before=parts(50, 0, 0)) == INSURANCE

    def test_of_the_cash_are_what_is_named_or_the_rest(self) -> None:
        assert back(wish(CASH, 50)) == parts(50, 0, 0)
        assert back(wish(CASH), before=parts(50, 200, 600)) == parts(150, 0, 0)

    @pytest.mark.parametrize(
        ("order", "before", "code"),
        [
            (wish(ALL), parts(1, 0, 0), ErrorCode.REFUND_EXCEEDS_PAID),
            (wish(ALL), INSURANCE, ErrorCode.REFUND_EXCEEDS_PAID),
            (wish(CASH, 151), parts(50, 0, 0), ErrorCode.REFUND_EXCEEDS_PAID),
            (wish(ALL), PAID, ErrorCode.NOT_REFUNDABLE),
            (wish(HI), INSURANCE, ErrorCode.NOT_REFUNDABLE),
            (wish(CASH), parts(200, 0, 0), ErrorCode.NOT_REFUNDABLE),
            (wish(CASH, 1), parts(200, 0, 0), ErrorCode.NOT_REFUNDABLE),
        ],
    )
    def test_never_exceed_what_was_paid(self, order: RefundOrder, before: RefundParts, code: ErrorCode) -> None:
        with pytest.raises(PaymentError) as refused:
            back(order, before)
        assert refused.value.code is code

    @pytest.mark.parametrize("order", [wish(ALL), wish(CASH), wish(CASH, 1)])
    def test_of_cash_are_the_channels_where_it_refunds_it(self, order: RefundOrder) -> None:
        with pytest.raises(PaymentError, match="HI") as refused:
            back(order, by=CashRefundedBy.CHANNEL)
        assert refused.value.code is ErrorCode.NOT_REFUNDABLE

    def test_without_cash_are_the_centres_all_the_same(self) -> None:
        assert back(wish(HI), by=CashRefundedBy.CHANNEL) == INSURANCE
        assert back(wish(ALL), by=CashRefundedBy.CHANNEL, paid=INSURANCE) == INSURANCE

    @pytest.mark.parametrize("state", list(PaymentState))
    def test_are_only_of_a_settled_payment(self, state: PaymentState) -> None:
        if state in SETTLED_STATES:
            assert check_refundable(state) is None  # type: ignore[func-returns-value]
            return
        with pytest.raises(PaymentError, match="NOT_REFUNDABLE"):
            check_refundable(state)

    def test_show_in_the_state_afterwards(self) -> None:
        assert state_after(PAID, PAID) is RefundState.REFUNDED
        assert state_after(PAID, parts(200, 0, 0)) is RefundState.PARTIALLY_REFUNDED


class TestTheSameRefund:
    @pytest.mark.parametrize(
        ("order", "amount_fen"), [(wish(CASH, 50), 50), (wish(CASH), 50), (wish(ALL), 200), (wish(HI), 0)]
    )
    def test_may_come_again(self, order: RefundOrder, amount_fen: int) -> None:
        again = order.model_copy(update={"pay_auth_no": "ANOTHER", "reason": "换个说法", "requested_by": "operator"})
        assert check_same_refund(again, order.refund_type, Fen(amount_fen)) is None  # type: ignore[func-returns-value]

    @pytest.mark.parametrize(("order", "field"), [(wish(HI), "type"), (wish(CASH, 51), "amount")])
    def test_is_not_of_another_type_or_amount(self, order: RefundOrder, field: str) -> None:
        with pytest.raises(PaymentError, match=field) as refused:
            check_same_refund(order, CASH, Fen(50))
        assert refused.value.code is ErrorCode.REFUND_CONFLICT


class TestVerdict:
    @pytest.mark.parametrize(
        ("before", "made", "ord_stas", "verdict"),
        [
            (NOTHING, PAID, 7, DONE),
            (NOTHING, PAID, 6, NOT_DONE),
            (NOTHING, PAID, 17, UNCLEAR),
            (NOTHING, INSURANCE, 8, DONE),
            (NOTHING, parts(200, 0, 0), 9, DONE),
            (NOTHING, parts(50, 0, 0), 10, DONE),
            (NOTHING, parts(50, 0, 0), 6, NOT_DONE),
            (parts(50, 0, 0), parts(50, 0, 0), 10, UNCLEAR),
            (parts(50, 0, 0), parts(150, 0, 0), 9, DONE),
            (parts(50, 0, 0), parts(150, 0, 0), 10, NOT_DONE),
            (parts(50, 0, 0), INSURANCE, 11, DONE),
            (INSURANCE, parts(50, 0, 0), 11, DONE),
            (parts(50, 200, 600), parts(50, 0, 0), 11, UNCLEAR),
            (INSURANCE, parts(200, 0, 0), 7, DONE),
            (parts(200, 0, 0), INSURANCE, 7, DONE),
            (parts(200, 0, 0), INSURANCE, 14, UNCLEAR),
        ],
    )
    def test_is_what_the_status_says(
        self, before: RefundParts, made: RefundParts, ord_stas: int, verdict: RefundVerdict
    ) -> None:
        assert refund_verdict(ord_stas, PAID, before, before.plus(made)) is verdict

    @pytest.mark.parametrize(
        ("paid", "ord_stas"), [(INSURANCE, 7), (INSURANCE, 8), (parts(200, 0, 0), 7), (parts(200, 0, 0), 9)]
    )
    def test_knows_both_words_for_money_of_one_kind(self, paid: RefundParts, ord_stas: int) -> None:
        assert refund_verdict(ord_stas, paid, NOTHING, paid) is DONE


class TestWhatAPersonMayDo:
    @pytest.mark.parametrize(
        ("look", "safe"),
        [
            (None, set()),
            (RefundLook(ord_stas=17, verdict=UNCLEAR), set()),
            (RefundLook(ord_stas=7, verdict=DONE), {ReviewAction.ACCEPT}),
            (RefundLook(ord_stas=6, verdict=NOT_DONE), {ReviewAction.REFUND, ReviewAction.CLOSE_UNPAID}),
            (
                RefundLook(ord_stas=10, verdict=UNCLEAR),
                {ReviewAction.REFUND, ReviewAction.CLOSE_UNPAID, ReviewAction.ACCEPT},
            ),
        ],
    )
    def test_is_what_the_centre_does_not_contradict(self, look: RefundLook | None, safe: set[ReviewAction]) -> None:
        refused = refused_on_refund(look)
        assert set(ReviewAction) - refused.keys() == safe | {ReviewAction.ASK_AGAIN}
        assert all(refused.values())
