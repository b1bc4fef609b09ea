"""A settle call means that the patient has probably paid: HIS is asked beside the centre, not after it.

For the caller that is one round trip to HIS less. What HIS says is used only once 6301 has said that the money is
there, and only if HIS has booked nothing: a booking is asked for again, and then recorded. Where the centre took its
time, HIS is asked again: the caller may have booked by itself meanwhile.
"""

import asyncio

from temporalio import workflow

from activities.contract import Booking, HisActivities
from workflows import limits
from workflows.calls import glance
from workflows.payment.inbox import SettleInbox
from workflows.payment.progress import Progress
from workflows.payment.steps import booking_question


class LookAhead:
    """At most one glance at HIS, for one VISIT_ID to be checked."""

    def __init__(self, progress: Progress, calls: SettleInbox) -> None:
        self._progress = progress
        self._calls = calls
        self._visit_id: str | None = None
        self._glance: asyncio.Task[Booking | None] | None = None
        self._began_at = workflow.now()

    def begin(self) -> None:
        """Glance at HIS for the call that this round serves, if there is one."""
        self._glance = None
        if self._calls.served:
            self._began_at = workflow.now()
            self._visit_id = visit_to_check(self._progress, self._calls)
            question = booking_question(self._progress, self._visit_id, record=False)
            self._glance = asyncio.create_task(glance(HisActivities.find_booking, question, "HIS: 查询入账情况 (并行)"))

    async def seen(self, visit_id: str | None) -> Booking | None:
        """What was seen, once, if it is about this visit, HIS has booked nothing yet, and it was just now."""
        if self._glance is None or visit_id != self._visit_id:
            return None
        booking, self._glance = await self._glance, None
        if booking is None or booking.settlement_no is not None:
            return None
        too_old = workflow.now() - self._began_at >= limits.LOOK_AHEAD_AGE_MAX
        return None if too_old else booking


def visit_to_check(progress: Progress, calls: SettleInbox) -> str | None:
    """The VISIT_ID that a caller offers, unless pricing has checked it already."""
    offered = calls.offered_visit()
    return offered if offered != progress.order.visit_id else None
