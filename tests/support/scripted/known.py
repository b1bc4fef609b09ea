"""A payment as its row has it, where the row is ahead of its workflow."""

from datetime import datetime, timedelta

from domain.errors import ErrorCode
from domain.insurance import PreSettlement, SetlType, Settlement, UploadedFees
from domain.orders import KnownPayment, PaymentEnd
from domain.states import UNPAID_ENDS, PaymentState
from tests.support.values.orders import PATIENT, SPLIT

S = PaymentState
CODES = {
    S.EXPIRED: ErrorCode.EXPIRED,
    S.CANCELLED: ErrorCode.CANCELLED,
    S.REJECTED: ErrorCode.INSURANCE_REFUSED,
    S.REVERSING: ErrorCode.REVERSED,
    S.REVERSED: ErrorCode.REVERSED,
    S.IN_REVIEW: ErrorCode.IN_REVIEW,
}
"""Of the row's end. In a state that is none there is no code."""


def known_as(state: PaymentState, at: datetime, *, steps: dict[str, int] | None = None, note: str = "") -> KnownPayment:
    """A payment that reached `state` at `at`, with all that it had on the way there."""
    settlement = Settlement(
        trace_time=at,
        setl_type=SetlType.ALL,
        split=SPLIT,
        revs_token="ROW",
        reversal_deadline=at + timedelta(hours=1),
    )
    return KnownPayment(
        accepted_at=at - timedelta(minutes=1),
        state=state,
        state_since=at,
        end=PaymentEnd(state=state, code=CODES.get(state, ErrorCode.IN_REVIEW), message="记录中的原因", note=note),
        revision=7,
        patient=PATIENT,
        uploaded=UploadedFees(pay_ord_id="ORD1", pay_token="TOKEN", mdtrt_id=""),
        pre_settlement=PreSettlement(
            pay_ord_id="ORD1", split=SPLIT, balance_fen=None, window_ends_at=at + timedelta(minutes=30)
        ),
        visit_id=None,
        settlement=None if state in UNPAID_ENDS else settlement,
        steps=steps or {},
    )
