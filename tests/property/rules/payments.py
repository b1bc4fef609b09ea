"""What must hold when a run has come to rest, whatever happened in it. Each rule is a function of what is found."""

from domain.errors import UPLOAD_ORPHANED
from domain.ids import review_refund_no
from domain.insurance import Split
from domain.orders import CashRefundedBy, bills_of
from domain.reviews import ReviewAction
from domain.states import RELEASING, SETTLED_STATES, TERMINAL, UNPAID_ENDS, PaymentState, RefundState
from tests.property.rules.found import Found, look
from tests.property.rules.refunds import REFUND_RULES
from tests.property.run import Run, is_registration, shown_of
from tests.support.values.orders import TERMS

_SETTLED, _REVERSED, _INSURANCE_REVERSED, _CASH_REVERSED = 6, 7, 8, 9
_WAS_SETTLED = frozenset({6, 7, 8, 9, 10, 11})
_LAST_WORDS = frozenset({"EXPIRED", "CANCELLED", "REVERSED"})
_NOTHING_PAYABLE = frozenset({None, 12, 15})
_ABNORMAL = frozenset({14, 16})


async def check(run: Run) -> list[str]:
    """Raise AssertionError for the first rule that is broken.

    Each payment's end, with an operator's word on it, its refunds' ends, and what people decided.
    """
    assert not run.his.told_again, f"HIS was told again: {run.his.told_again}"
    assert len(set(run.centre.serials)) == len(run.centre.serials), f"orgBizSer repeated: {run.centre.serials}"
    found = [await look(run, order) for order in run.begun_orders()]
    for payment in found:
        for rule in (*RULES, *REFUND_RULES):
            rule(payment)
    _one_payment_per_bill(found)
    return [word for payment in found for word in _words_on(payment)]


def _words_on(payment: Found) -> list[str]:
    refunds = [f"refund {refund.row.state.value}" for refund in payment.refunds]
    decided = [f"decided {action.value}" for action in sorted(payment.decided)]
    decided += [
        f"decided {action.value} of a refund" for refund in payment.refunds for action in sorted(refund.decided)
    ]
    return [f"{payment.row.state.value} {payment.row.note.partition(' ')[0]}".strip(), *refunds, *decided]


def row_is_the_workflows(found: Found) -> None:
    """A payment is over with SETTLED; its refunds show in the row alone."""
    assert shown_of(found.row.state) == found.workflow_state, f"row {found.row.state}, workflow {found.workflow_state}"


def settled_means_that_all_agree(found: Found) -> None:
    if found.row.state not in SETTLED_STATES:
        return
    assert (found.ord_stas == _SETTLED) is not bool(found.at_centre), f"ordStas {found.ord_stas} at the centre"
    assert found.ord_stas in _WAS_SETTLED, f"SETTLED, and the centre's ordStas is {found.ord_stas}"
    assert found.settlements, "SETTLED, and HIS has booked nothing"
    assert found.row.settlement is not None
    assert found.centre is not None
    # What two people accept may differ from what the centre says: that is what they forgive.
    if ReviewAction.ACCEPT not in found.decided:
        assert _parts(found.row.settlement.split) == _parts(found.centre.split), "SETTLED with amounts of our own"
    booked = {str(each["feeSumamt"]) for each in found.settlements}
    assert len(booked) == 1, f"booked with different amounts: {booked}"
    if is_registration(found.order):
        assert found.row.visit_id is not None, "a settled registration without a visit"


def reversed_means_that_all_went_back(found: Found) -> None:
    if found.row.state is not PaymentState.REVERSED:
        return
    assert found.centre is not None
    assert found.centre.split is not None
    by_centre = found.run.hospital.cash_refunded_by is CashRefundedBy.CENTRE
    only_cash = found.centre.split.own_pay_fen == found.centre.split.fee_sum_fen
    # Cash that the channel refunds is not the centre's to send back: its order stays settled.
    all_back = _CASH_REVERSED if only_cash and found.run.hospital.full_refund == "by_kind" else _REVERSED
    wanted = all_back if by_centre else (_SETTLED if only_cash else _INSURANCE_REVERSED)
    assert found.ord_stas == wanted, f"REVERSED, and the centre's ordStas is {found.ord_stas}"
    if ReviewAction.REFUND in found.decided and found.settlements:
        back = found.his_refunds.get(review_refund_no(found.order.med_org_ord))
        assert back == found.order.total_fen, f"booked and given back, and HIS was told of {back}"
        return
    assert not found.settlements, "both booked and reversed"
    ours = [visit for visit in found.visits if not visit["cancelled"] and not _is_callers(found, visit)]
    assert not ours, "REVERSED, and a visit that we made stands"


def unpaid_means_that_nothing_can_be_paid(found: Found) -> None:
    if found.row.state not in UNPAID_ENDS:
        return
    if found.ord_stas == _SETTLED and found.order.med_org_ord in found.run.paid_late:
        # Also a caller may book with it: what nobody tells us of, daily reconciliation finds.
        assert not _must_know(found), f"{found.row.state}, hinted at, and the centre's ordStas is 6"
        return
    assert not found.settlements, f"{found.row.state}, and HIS has booked"
    if found.row.note == UPLOAD_ORPHANED:
        assert found.centre is None or found.centre.split is None, "an orphaned upload that could be paid"
        return
    if ReviewAction.CLOSE_UNPAID in found.decided:
        assert found.ord_stas in _NOTHING_PAYABLE | _ABNORMAL, f"closed by people, and ordStas is {found.ord_stas}"
        return
    assert found.ord_stas in _NOTHING_PAYABLE, f"{found.row.state} with ordStas {found.ord_stas} at the centre"


def rest_is_an_end_or_a_review(found: Found) -> None:
    assert found.row.state in TERMINAL | {PaymentState.IN_REVIEW}, f"came to rest in {found.row.state}"
    if found.row.state is PaymentState.IN_REVIEW:
        assert found.row.note, "a review without a reason"


def callers_were_told_the_truth(found: Found) -> None:
    """At rest everybody is answered, and what was promised has come true. An answer may be older than a review."""
    waiting = [each.update for each in found.told if each.done is None]
    assert not waiting, f"nobody answered: {waiting}"
    promised = {each.update for each in found.told if each.done}
    assert "settle" not in promised or found.row.state in SETTLED_STATES, "told settled, and it is not"
    if found.order.med_org_ord in found.run.paid_late:
        return
    assert "cancel" not in promised or found.row.state is PaymentState.CANCELLED, "told cancelled, and it is not"
    refused = {each.error for each in found.told if each.error in _LAST_WORDS}
    allowed = {found.row.state.value, PaymentState.IN_REVIEW.value}
    assert found.row.state is PaymentState.IN_REVIEW or refused <= allowed, (
        f"told {refused}, and it is {found.row.state}"
    )


def nobody_is_troubled_where_nothing_went_wrong(found: Found) -> None:
    """A registration that the caller makes may lack its visit: that alone is a person's on a calm day."""
    if not found.run.calm or found.row.note == "VISIT_MISSING":
        return
    assert found.row.state not in {PaymentState.IN_REVIEW, PaymentState.REVERSED}, f"{found.row.state} on a calm day"
    reviewed = [refund.row.refund_no for refund in found.refunds if refund.row.state is RefundState.IN_REVIEW]
    assert not reviewed, f"refunds {reviewed} are in review on a calm day"


RULES = (
    rest_is_an_end_or_a_review,
    row_is_the_workflows,
    settled_means_that_all_agree,
    reversed_means_that_all_went_back,
    unpaid_means_that_nothing_can_be_paid,
    callers_were_told_the_truth,
    nobody_is_troubled_where_nothing_went_wrong,
)


def _must_know(found: Found) -> bool:
    """Whether word came of late money, and the centre did not refuse to speak of it."""
    refused = found.centre is not None and found.centre.pay_ord_id in found.run.centre.not_told
    return found.order.med_org_ord in found.run.hinted and not refused


def _one_payment_per_bill(found: list[Found]) -> None:
    """Product rule 3. One that HIS would not price never locked its bill; late money comes when it is given free."""
    payable_s = TERMS.payable_s
    bills = [bill for each in found if _holds(each) for bill in bills_of(each.order, each.row.accepted_at, payable_s)]
    assert len(set(bills)) == len(bills), f"two live payments of a bill: {bills}"


def _holds(found: Found) -> bool:
    over = RELEASING | (SETTLED_STATES if is_registration(found.order) else frozenset())
    late = found.row.state is PaymentState.IN_REVIEW and found.order.med_org_ord in found.run.paid_late
    return found.row.state not in over and not late


def _is_callers(found: Found, visit: dict[str, object]) -> bool:
    return visit["VISIT_ID"] == found.run.callers_visits.get(found.order.med_org_ord)


def _parts(split: Split | None) -> tuple[int, ...]:
    if split is None:
        return ()
    return (split.fee_sum_fen, split.own_pay_fen, split.psn_acct_fen, split.fund_fen)
