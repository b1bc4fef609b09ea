"""`medpay payments show`: what went back, and what is going back."""

from cli.commands.payments import _fields
from domain.insurance import RefundParts, RefundType
from domain.states import PaymentState, RefundState
from domain.values.fen import Fen
from storage.records import PaymentRecord, RefundRecord
from tests.support.values.orders import outpatient
from tests.support.values.records import AT, SETTLEMENT, SPLIT, key_of

ORDER = outpatient("M1")


def payment(**facts: str) -> PaymentRecord:
    return PaymentRecord(
        order=ORDER,
        state=PaymentState.SETTLED,
        state_since=AT,
        accepted_at=AT,
        updated_at=AT,
        revision=1,
        split=SPLIT,
        settlement=SETTLEMENT,
        **facts,
    )


def refund(refund_no: str, state: RefundState) -> RefundRecord:
    return RefundRecord(
        key=key_of(ORDER),
        refund_no=refund_no,
        state=state,
        refund_type=RefundType.CASH,
        parts=RefundParts(own_pay_fen=Fen(150)),
        reason="退药",
        requested_by="wechat",
        app_refd_sn=f"M1:{refund_no}",
        refd_sn="",
        requested_at=AT,
        updated_at=AT,
        his_told_at=None,
        error_code=None,
        error_message="",
        note="",
    )


class TestRefunds:
    def test_show_what_went_back_and_which_is_under_way(self) -> None:
        refunds = [
            refund("R1", RefundState.PARTIALLY_REFUNDED),
            refund("R2", RefundState.REFUND_FAILED),
            refund("R3", RefundState.PARTIALLY_REFUNDED),
            refund("R4", RefundState.REFUNDING),
        ]
        shown = _fields(payment(refunding="R4"), refunds)
        assert (shown["totlRefdAmt"], shown["cashRefdAmt"], shown["fundRefdAmt"]) == ("3.00", "3.00", "0.00")
        assert shown["refunding"] == "R4"

    def test_are_not_mentioned_where_there_are_none(self) -> None:
        assert not _fields(payment(), []).keys() & {"totlRefdAmt", "refunding"}
