"""PAID: booking in HIS, which is always asked before it is told (product rules 9 and 10)."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from temporalio import workflow

from activities.contract.his import Booking, BookPayment, HisActivities
from domain.attention import AttentionReason
from domain.base import for_operators
from domain.errors import ErrorCode, Outcome, PaymentError
from domain.orders import Category, Registers, check_visit
from workflows import limits
from workflows.calls import Refusal, Unresolved
from workflows.payment.inbox import SettleInbox
from workflows.payment.look_ahead import LookAhead, visit_to_check
from workflows.payment.progress import Progress
from workflows.payment.steps import booking_question, cancel_our_visit, find_booking, open_review

_UNREACHABLE = "医院信息系统无法连接"
_UNCLEAR = "医院信息系统在时限内未能确认入账"


class CannotBook(Exception):
    """HIS has certainly not booked: the money must go back."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class _UnderReview(Exception):
    """Nobody can say what HIS has booked, and the payment is IN_REVIEW."""


class BookingSteps:
    """From PAID to SETTLED or IN_REVIEW. Raises `CannotBook`."""

    def __init__(self, progress: Progress, inbox: SettleInbox, look_ahead: LookAhead) -> None:
        self._progress = progress
        self._inbox = inbox
        self._look_ahead = look_ahead
        self._started_at = workflow.now()
        self._auto_finish_at = self._started_at + timedelta(seconds=progress.terms.auto_finish_after_s)
        self._booked_meanwhile = False

    async def run(self) -> None:
        try:
            await self._run()
        except _UnderReview:
            return

    async def _run(self) -> None:
        await self._wait_for_settle_call()
        booking = await self._agree_on_visit()
        if booking is None:
            await open_review(self._progress, AttentionReason.VISIT_MISSING)
        elif booking.settlement_no is not None:
            self._progress.settled()
        elif self._needs_visit() and not await self._register():
            return
        else:
            await self._settle()

    async def _wait_for_settle_call(self) -> None:
        """Wait for interface 2; if nobody calls in time, we finish the payment by ourselves (product rule 8)."""
        if self._inbox.served or self._progress.finish_now:
            return
        until = min(self._auto_finish_at, self._reversal_due_at())
        self._progress.show("患者已付款, 等待结果回写 (接口2), 到时自动完成", until)
        await self._wait_for_call(until)

    async def _agree_on_visit(self) -> Booking | None:
        """Check that the caller's VISIT_ID, if any, is the patient's; returns what HIS has for this payment.

        A call with a wrong VISIT_ID is refused, and the payment waits for another call until auto-finish. None: the
        caller must register, and has not sent a VISIT_ID.
        """
        while True:
            self._inbox.take()
            offered = self._inbox.offered_visit()
            unchecked = visit_to_check(self._progress, self._inbox)
            booking = await self._look_ahead.take(unchecked) or await self._find(unchecked)
            if offered is not None and booking.visit_patient_id is not None:
                try:
                    check_visit(self._progress.order.patient_id, booking.visit_patient_id)
                except PaymentError as error:
                    self._inbox.refuse_served(error.code, error.message)
                    await self._wait_for_another_call()
                    continue
            self._progress.visit_agreed(offered or booking.visit_id or self._progress.visit_id)
            return None if self._needs_visit() and not self._we_register() else booking

    async def _find(self, visit_id: str | None) -> Booking:
        try:
            return await self._progress.steps.first_local(
                HisActivities.find_booking,
                booking_question(self._progress, visit_id, record=True),
                max(self._time_left(), limits.BOOKING_QUESTION_BUDGET_MIN),
                "HIS: 查询入账情况",
            )
        except (Refusal, Unresolved) as error:
            if not (await self._progress.look_at_record()).booking_sent:
                never_sent = isinstance(error, Unresolved) and error.outcome is Outcome.NOT_SENT
                raise CannotBook(_UNREACHABLE if never_sent else _UNCLEAR) from error
        # A run of this workflow whose task was lost had begun to book.
        booking = await self._ask_until_reversal()
        if booking is None:
            await open_review(self._progress, AttentionReason.HIS_OUTCOME_UNKNOWN)
            raise _UnderReview
        return booking

    async def _wait_for_another_call(self) -> None:
        """The caller may correct a wrong VISIT_ID until auto-finish, which later wrong calls do not put off."""
        self._progress.show("等待带有正确就诊ID(VISIT_ID)的结果回写", self._auto_finish_at)
        await self._wait_for_call(self._auto_finish_at)

    async def _wait_for_call(self, until: datetime) -> None:
        progress = self._progress
        while (left := until - workflow.now()) > timedelta(0) and not self._inbox.waiting:
            try:
                await workflow.wait_condition(
                    lambda: bool(self._inbox.waiting) or progress.woken,
                    timeout=left,
                    timeout_summary=for_operators("自动完成 (auto-finish)"),
                )
            except TimeoutError:
                workflow.logger.info("nobody called: finishing without the caller")
            if progress.woken and (await progress.look_at_record()).state is not progress.state:
                break
        self._started_at = workflow.now()

    async def _register(self) -> bool:
        """REGISTERED. False: it is unknown whether HIS made a visit, and the payment is IN_REVIEW."""
        self._progress.register_leaves()
        found = await self._book(HisActivities.register, lambda booking: booking.visit_id, "HIS: 登记挂号")
        if found is None:
            return False
        self._progress.registered(found)
        await self._prefer_callers_visit()
        return True

    async def _prefer_callers_visit(self) -> None:
        """If a settle call has brought another VISIT_ID than ours, cancel ours and use theirs (product rule 9)."""
        offered, ours = self._inbox.offered_visit(), self._progress.visit_id
        if offered is None or offered == ours:
            return
        self._inbox.take()
        booking = await self._find(offered)
        if booking.visit_patient_id != self._progress.order.patient_id:
            self._inbox.refuse_served(ErrorCode.PATIENT_MISMATCH, "就诊ID(VISIT_ID)不属于患者ID(PATIENT_ID)所指的患者")
        elif await cancel_our_visit(self._progress, self._time_left()):
            self._progress.visit_agreed(offered)
        else:
            self._inbox.refuse_served(ErrorCode.ORDER_CONFLICT, "该挂号已由本系统登记, 就诊ID(VISIT_ID)不一致")

    async def _settle(self) -> None:
        if self._booked_meanwhile:
            self._progress.settled()
            return
        found = await self._book(HisActivities.settle, lambda booking: booking.settlement_no, "HIS: 写入结算记录")
        if found is not None:
            self._progress.settled()

    async def _book(
        self,
        method: Callable[[HisActivities, BookPayment], Awaitable[Booking]],
        found: Callable[[Booking], str | None],
        summary: str,
    ) -> str | None:
        """Send `method` to HIS. After a refusal HIS is asked once, after an unknown outcome until a reversal is due.

        Returns what `found` reads from HIS's answer. None: unknown, and the payment is IN_REVIEW. Raises `CannotBook`.
        """
        self._progress.show(f"等待医院信息系统入账 ({summary})", self._booking_ends_at())
        try:
            return found(await self._progress.steps.first_local(method, self._payment(), self._time_left(), summary))
        except Refusal as refusal:
            message, booking = refusal.message, await self._ask(limits.REFUSAL_CHECK_BUDGET) or Booking()
        except Unresolved as unresolved:
            if unresolved.outcome is Outcome.NOT_SENT:
                raise CannotBook(_UNREACHABLE) from unresolved
            await self._wait_for_call_in_flight()
            message, answered = _UNCLEAR, await self._ask_until_reversal()
            if answered is None:
                await open_review(self._progress, AttentionReason.HIS_OUTCOME_UNKNOWN)
                return None
            booking = answered
        if (value := found(booking)) is not None:
            return value
        raise CannotBook(message)

    async def _wait_for_call_in_flight(self) -> None:
        """The last call may still arrive until twice its timeout has passed (product rule 10)."""
        in_flight = timedelta(seconds=2 * self._progress.terms.his_timeout_s)
        pause = min(in_flight, self._time_until_reversal())
        if pause > timedelta(0):
            await workflow.sleep(pause, summary=for_operators("等待在途请求 (a booking may still arrive)"))

    async def _ask_until_reversal(self) -> Booking | None:
        """HIS is asked for a moment even where a reversal is overdue: what it has booked must not be sent back."""
        return await self._ask(max(self._time_until_reversal(), limits.BOOKING_QUESTION_BUDGET_MIN))

    async def _ask(self, budget: timedelta) -> Booking | None:
        question = booking_question(self._progress, None, record=True)
        booking = await find_booking(question, self._progress, budget, "HIS: 查询入账情况")
        if booking is None:
            return None
        # The caller may have booked in HIS directly while we were trying: then we must not book again.
        self._booked_meanwhile = booking.settlement_no is not None
        return booking

    def _needs_visit(self) -> bool:
        return self._progress.order.category is Category.REGISTRATION and self._progress.visit_id is None

    def _we_register(self) -> bool:
        return self._progress.terms.registers is Registers.MEDPAY

    def _payment(self) -> BookPayment:
        progress = self._progress
        if progress.patient is None:
            raise AssertionError("paid without a patient")
        return BookPayment(
            **progress.step(),
            category=progress.order.category,
            patient_id=progress.order.patient_id,
            patient_name=progress.patient.name,
            clinic_id=progress.order.clinic_id,
            order_ids=progress.order.order_ids,
            visit_id=progress.visit_id,
            pay_ord_id=progress.pre_settled.pay_ord_id,
            patient_type_id=progress.patient.patient_type_id,
            ipt_otp_no=progress.patient.ipt_otp_no,
            si_personal_no=progress.patient.psn_no,
            balance_fen=progress.pre_settled.balance_fen,
            settlement=progress.settled_by_centre,
        )

    def _booking_ends_at(self) -> datetime:
        """The end of HIS's retry budget, at the latest when a reversal is due."""
        budget_end = self._started_at + timedelta(seconds=self._progress.terms.his_retry_budget_s)
        reversal_due_at = self._reversal_due_at()
        return min(budget_end, reversal_due_at) if reversal_due_at > self._started_at else budget_end

    def _reversal_due_at(self) -> datetime:
        """When a reversal is due: later it might miss its deadline."""
        return self._progress.settled_by_centre.reversal_deadline - limits.REVERSAL_MARGIN

    def _time_left(self) -> timedelta:
        return self._booking_ends_at() - workflow.now()

    def _time_until_reversal(self) -> timedelta:
        return self._reversal_due_at() - workflow.now()
