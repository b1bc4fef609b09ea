"""What an order's status alone tells."""

import pytest

from domain.insurance import RefundParts
from domain.ord_stas import (
    NEEDS_REVIEW,
    PAYING,
    REVOCABLE,
    OrderVerdict,
    OrdStas,
    RefundVerdict,
    is_back_past_us,
    money_is_back,
    refund_verdict,
    verdict,
)
from domain.values.fen import Fen


def parts(cash: int, insurance: int) -> RefundParts:
    return RefundParts(own_pay_fen=Fen(cash), psn_acct_fen=Fen(0), fund_fen=Fen(insurance))


class TestVerdict:
    @pytest.mark.parametrize(
        ("ord_stas", "expected"),
        [
            *((status, OrderVerdict.WAIT) for status in (*range(6), *range(17, 26))),
            (6, OrderVerdict.PAID),
            *((status, OrderVerdict.REVIEW) for status in (7, 8, 9, 10, 11, 13, 14, 16)),
            (12, OrderVerdict.REVOKED),
            (15, OrderVerdict.FAILED),
        ],
    )
    def test_of_every_status(self, ord_stas: int, expected: OrderVerdict) -> None:
        assert verdict(ord_stas) is expected

    def test_sets_don_t_overlap(self) -> None:
        assert REVOCABLE.isdisjoint(PAYING | NEEDS_REVIEW)
        assert PAYING.isdisjoint(NEEDS_REVIEW)


class TestMoneyIsBack:
    @pytest.mark.parametrize(
        ("back", "shown_by"),
        [
            (parts(cash=2570, insurance=10280), {OrdStas.REFUNDED}),
            (parts(cash=0, insurance=10280), {7, 8, 11}),
            (parts(cash=2570, insurance=0), {7, 9}),
        ],
        ids=["all of both", "the insurance alone", "cash alone"],
    )
    def test_by_which_statuses(self, back: RefundParts, shown_by: set[int]) -> None:
        assert {status for status in range(26) if money_is_back(status, back)} == shown_by


class TestRefundVerdict:
    @pytest.mark.parametrize("status", [OrdStas.REFUNDED, OrdStas.INSURANCE_REFUNDED])
    def test_all_of_an_insurance_only_order_is_back_by_either_name(self, status: OrdStas) -> None:
        paid = parts(cash=0, insurance=100)
        assert refund_verdict(status, paid, parts(0, 0), paid) is RefundVerdict.DONE

    @pytest.mark.parametrize("status", [OrdStas.REFUNDED, OrdStas.CASH_REFUNDED])
    def test_all_of_a_cash_only_order_is_back_by_either_name(self, status: OrdStas) -> None:
        paid = parts(cash=100, insurance=0)
        assert refund_verdict(status, paid, parts(0, 0), paid) is RefundVerdict.DONE

    def test_the_insurance_s_part_of_a_mixed_order_is_not_all_of_it(self) -> None:
        paid = parts(cash=100, insurance=100)
        assert refund_verdict(OrdStas.INSURANCE_REFUNDED, paid, parts(0, 0), paid) is RefundVerdict.UNCLEAR


class TestMoneyPastUs:
    @pytest.mark.parametrize(
        ("back", "explained"),
        [
            (parts(0, 0), set()),
            (parts(cash=50, insurance=0), {10}),
            (parts(cash=100, insurance=0), {9}),
            (parts(cash=0, insurance=200), {8}),
            (parts(cash=50, insurance=200), {11}),
            (parts(cash=100, insurance=200), {7}),
        ],
        ids=["nothing", "part of the cash", "the cash", "the insurance", "that and part of the cash", "everything"],
    )
    def test_is_what_our_refunds_do_not_explain(self, back: RefundParts, explained: set[int]) -> None:
        paid = parts(cash=100, insurance=200)
        found = {status for status in range(26) if is_back_past_us(status, paid, back)}
        assert found == {7, 8, 9, 10, 11} - explained

    @pytest.mark.parametrize(("paid", "explained"), [(parts(100, 0), {7, 9}), (parts(0, 100), {7, 8})])
    def test_is_none_where_centres_show_a_full_refund_by_either_name(
        self, paid: RefundParts, explained: set[int]
    ) -> None:
        found = {status for status in range(26) if is_back_past_us(status, paid, paid)}
        assert found == {7, 8, 9, 10, 11} - explained
