"""For a settle call HIS is asked alongside 6301, since the patient has probably paid; it saves one round trip.

The answer is used only after 6301 has said 6, only if HIS has booked nothing (a booking is asked for again, to be
recorded), and only while it is fresh: the caller may meanwhile have booked in HIS directly.
"""

import asyncio

from temporalio import workflow

from activities.contract.his import Booking, HisActivities
from workflows import limits
from workflows.payment.inbox import SettleInbox
from workflows.payment.progress import Progress
from workflows.payment.steps import booking_question


class LookAhead:
    """At most one early question to HIS at a time."""

    def __init__(self, progress: Progress, inbox: SettleInbox) -> None:
        self._progress = progress
        self._inbox = inbox
        self._visit_id: str | None = None
        self._question: asyncio.Task[Booking | None] | None = None
        self._under_way: list[asyncio.Task[Booking | None]] = []
        self._asked_at = workflow.now()

    def begin(self) -> None:
        """Ask HIS for this round's settle call, if there is one."""
        self._question = None
        if self._inbox.served:
            self._asked_at = workflow.now()
            self._visit_id = visit_to_check(self._progress, self._inbox)
            step = booking_question(self._progress, self._visit_id, record=False)
            asking = self._progress.steps.only_local(HisActivities.find_booking, step, "HIS: 查询入账情况 (并行)")
            self._question = asyncio.create_task(asking)
            self._under_way.append(self._question)
            self._question.add_done_callback(self._under_way.remove)

    async def forget(self) -> None:
        """Drop the answer. Returns once nothing is being asked: nothing may follow the end of a workflow."""
        self._question = None
        await asyncio.gather(*self._under_way)

    async def take(self, visit_id: str | None) -> Booking | None:
        """HIS's answer, only once. None: not asked about this visit, no answer, already booked, or out of date."""
        if self._question is None or visit_id != self._visit_id:
            return None
        booking, self._question = await self._question, None
        if booking is None or booking.settlement_no is not None:
            return None
        too_old = workflow.now() - self._asked_at >= limits.LOOK_AHEAD_AGE_MAX
        return None if too_old else booking


def visit_to_check(progress: Progress, inbox: SettleInbox) -> str | None:
    """The VISIT_ID that a caller names, unless it was checked when the bill was priced."""
    offered = inbox.offered_visit()
    return offered if offered != progress.order.visit_id else None
