"""What centre and HIS say of a payment under review, asked live and recorded nowhere but as calls."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from activities.contract import AskOrder, Booking, CentreActivities, HisActivities, OrderAnswer
from domain.fen import Fen
from domain.insurance import Settlement, Split
from domain.orders import Category, Registers
from domain.reviews import ReviewFacts
from workflows import limits
from workflows.calls import Refusal, Unresolved, local_then_remote
from workflows.payment.look_ahead import booking_question
from workflows.payment.progress import Progress

_REFUNDED, _INSURANCE_REFUNDED = 7, 8


@dataclass(frozen=True)
class Findings:
    """The facts, and the settlement that a decision would work with. None: the centre never said that it settled."""

    facts: ReviewFacts
    settlement: Settlement | None


async def look(progress: Progress, offered_visit: str | None) -> Findings:
    """Ask both sides at once, each within its limit. `offered_visit`: a VISIT_ID that a caller named, unchecked."""
    answer, booking = await asyncio.gather(_ask_centre(progress), _ask_his(progress))
    settlement = _settlement(progress, answer)
    settled = answer.status.split if answer is not None and answer.settlement is not None else None
    visit_id = (booking.visit_id if booking else None) or progress.visit_id
    return Findings(
        settlement=settlement,
        facts=ReviewFacts(
            ord_stas=None if answer is None else answer.status.ord_stas,
            his_answers=booking is not None,
            settlement_no=booking.settlement_no if booking else None,
            visit_id=visit_id,
            reversible_until=_reversible_until(settlement),
            went_back=_went_back(progress, answer),
            settled=settled,
            same_amounts=answer is None or (answer.consistent and progress.pre_settlement is not None),
            adds_up=answer is None or answer.settlement is None or _adds_up(progress, settled),
            visit_missing=visit_id is None and offered_visit is None and _is_callers_to_register(progress),
        ),
    )


async def _ask_centre(progress: Progress) -> OrderAnswer | None:
    step = AskOrder(
        **progress.step(),
        reference=progress.reference,
        split=_expected(progress),
        accepted_at=progress.accepted_at,
        reversal_window_s=progress.terms.reversal_window_s,
        record="nothing",
    )
    try:
        return await local_then_remote(
            CentreActivities.ask_order, step, progress.terms, limits.REVIEW_LOOK_BUDGET, "6301 核查: 查询医保订单"
        )
    except (Refusal, Unresolved):
        return None


async def _ask_his(progress: Progress) -> Booking | None:
    question = booking_question(progress, None, record=False)
    try:
        return await local_then_remote(
            HisActivities.find_booking,
            question,
            progress.terms,
            limits.REVIEW_LOOK_BUDGET,
            "HIS: 核查: 查询入账情况",
        )
    except (Refusal, Unresolved):
        return None


def _expected(progress: Progress) -> Split:
    """What 6202 said. Where its answer never came the whole alone is known."""
    if progress.pre_settlement is not None:
        return progress.pre_settlement.split
    total_fen = progress.order.total_fen
    return Split(fee_sum_fen=total_fen, own_pay_fen=total_fen, psn_acct_fen=Fen(0), fund_fen=Fen(0))


def _adds_up(progress: Progress, settled: Split | None) -> bool:
    return settled is not None and settled.adds_up_to(progress.order.total_fen)


def _settlement(progress: Progress, answer: OrderAnswer | None) -> Settlement | None:
    """The centre's newest word, in the hour that began when we first heard of it.

    Money goes back as it came: parts that don't make the whole are not what was paid, 6202's are.
    """
    known, said = progress.settlement, answer.settlement if answer is not None else None
    if said is None:
        return known
    if not said.split.adds_up_to(progress.order.total_fen) and progress.pre_settlement is not None:
        said = said.model_copy(update={"split": progress.pre_settlement.split})
    if known is None:
        return said
    first = {"trace_time": known.trace_time, "reversal_deadline": known.reversal_deadline}
    return said.model_copy(update=first | {"revs_token": said.revs_token or known.revs_token})


def _reversible_until(settlement: Settlement | None) -> datetime | None:
    return settlement.reversal_deadline if settlement is not None and settlement.revs_token else None


def _went_back(progress: Progress, answer: OrderAnswer | None) -> bool:
    if answer is None:
        return False
    by_channel = progress.terms.cash_refunded_by == "channel"
    return answer.status.ord_stas == _REFUNDED or (by_channel and answer.status.ord_stas == _INSURANCE_REFUNDED)


def _is_callers_to_register(progress: Progress) -> bool:
    registration = progress.order.category is Category.REGISTRATION
    return registration and progress.terms.registers is Registers.CALLER
