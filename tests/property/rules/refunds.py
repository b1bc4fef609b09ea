"""What must hold of refunds (product rule 16), whatever happened: the centre's books, our rows and HIS agree."""

from collections.abc import Sequence

from domain.ids import refund_sn, review_refund_no
from domain.insurance import RefundParts, paid_parts
from domain.reviews import ReviewAction
from domain.states import REFUND_DONE, REFUND_TERMINAL, SETTLED_STATES, PaymentState, RefundState
from domain.values.fen import Fen
from simulator.insurance.orders import CentreRefund
from tests.property.rules.found import Found

_BY_WORD = frozenset({ReviewAction.ACCEPT, ReviewAction.CLOSE_UNPAID})
"""What two people say came of a refund, where the centre doesn't tell."""


def every_refund_is_over_or_reviewed(found: Found) -> None:
    for refund in found.refunds:
        name, state = refund.row.refund_no, refund.row.state
        assert state in REFUND_TERMINAL | {RefundState.IN_REVIEW}, f"refund {name} came to rest in {state}"
        assert state is not RefundState.IN_REVIEW or refund.row.note, "a refund's review without a reason"
        assert state.value == refund.workflow_state, f"refund's row {state}, workflow {refund.workflow_state}"
        waiting = [each.update for each in refund.told if each.done is None]
        assert not waiting, f"nobody answered: {waiting}"
        promised = any(each.done for each in refund.told if each.update == "refund")
        assert state in REFUND_DONE or not promised, f"told refunded, and it is {state}"


def no_part_goes_back_beyond_what_was_paid(found: Found) -> None:
    split = found.centre.split if found.centre else None
    paid, back = RefundParts() if split is None else paid_parts(split), _back(found.at_centre)
    beyond = [name for name, fen in back.model_dump().items() if fen > getattr(paid, name)]
    assert not beyond, f"{back} went back of {paid}"
    serials = [each.app_refd_sn for each in found.at_centre]
    assert len(set(serials)) == len(serials), f"applied twice: {serials}"


def what_our_rows_say_went_back(found: Found) -> None:
    """The centre's refunds are those that are done, and nothing else, unless people look for one or said it is so."""
    done = [refund.row for refund in found.refunds if refund.row.state in REFUND_DONE]
    reviewed = [refund.row for refund in found.refunds if refund.row.state is RefundState.IN_REVIEW]
    by_word = {refund.row.app_refd_sn for refund in found.refunds if refund.decided & _BY_WORD}
    ours = {row.app_refd_sn: row.parts for row in done if row.app_refd_sn not in by_word}
    maybe = {row.app_refd_sn: row.parts for row in reviewed}
    maybe |= {refund.row.app_refd_sn: refund.row.parts for refund in found.refunds if refund.decided & _BY_WORD}
    of_callers = [each for each in found.at_centre if each.app_refd_sn not in _of_the_payment(found)]
    there = {each.app_refd_sn: _back([each]) for each in of_callers}
    assert ours.items() <= there.items() <= (ours | maybe).items(), f"centre {there}, done {ours}, perhaps {maybe}"
    reserved = sum((row.parts.total_fen for row in [*done, *reviewed]), 0)
    assert found.row.refunded.total_fen == reserved, f"row has {found.row.refunded}, refunds {reserved} fen"
    assert found.row.refunding == "".join(row.refund_no for row in reviewed), f"reserved for {found.row.refunding}"
    assert found.row.state in SETTLED_STATES or not reserved, f"refunded, and it is {found.row.state}"
    if found.row.state in SETTLED_STATES:
        back = sum((row.parts.total_fen for row in done), 0)
        assert found.row.state is _state_of(back, found.row.paid), f"{found.row.state}, and {back} fen are back"


def nothing_is_both_reversed_and_refunded(found: Found) -> None:
    reversals = [each.app_refd_sn for each in found.at_centre if each.app_refd_sn in _of_the_payment(found)]
    assert not reversals or len(reversals) == len(found.at_centre), f"reversed and refunded: {found.at_centre}"
    assert not reversals or found.row.state not in SETTLED_STATES, f"{found.row.state}, and it was reversed"


def his_knows_of_refunds_that_were_made(found: Found) -> None:
    """HIS may not know yet: it is told for a day."""
    made = {
        refund.row.refund_no: refund.row.parts.total_fen for refund in found.refunds if refund.row.state in REFUND_DONE
    }
    known = {number: fen for number, fen in found.his_refunds.items() if number not in _of_the_payment(found)}
    assert known.items() <= made.items(), f"HIS knows of {known}, made were {made}"
    told = {refund.row.refund_no for refund in found.refunds if refund.row.his_told_at is not None}
    assert told <= known.keys(), f"told are {told}, HIS knows of {known}"


REFUND_RULES = (
    every_refund_is_over_or_reviewed,
    no_part_goes_back_beyond_what_was_paid,
    what_our_rows_say_went_back,
    nothing_is_both_reversed_and_refunded,
    his_knows_of_refunds_that_were_made,
)


def _of_the_payment(found: Found) -> set[str]:
    """appRefdSn of what the payment itself sends back: its reversal, or a decision's refund."""
    callers = {refund_sn(found.order.med_org_ord, refund.row.refund_no) for refund in found.refunds}
    return {each.app_refd_sn for each in found.at_centre} - callers | {review_refund_no(found.order.med_org_ord)}


def _back(refunds: Sequence[CentreRefund]) -> RefundParts:
    return RefundParts(
        own_pay_fen=Fen(sum(each.cash_fen for each in refunds)),
        psn_acct_fen=Fen(sum(each.psn_acct_fen for each in refunds)),
        fund_fen=Fen(sum(each.fund_fen for each in refunds)),
    )


def _state_of(back_fen: int, paid: RefundParts) -> PaymentState:
    if back_fen == 0:
        return PaymentState.SETTLED
    return PaymentState.REFUNDED if back_fen == paid.total_fen else PaymentState.PARTIALLY_REFUNDED
