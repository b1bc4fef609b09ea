"""PRE_SETTLED: waiting for the money. One decision point: whatever wakes it, 6301 decides (product rules 6 and 7)."""

from datetime import timedelta

from temporalio import workflow

from activities.signatures import InsuranceActivities
from domain.errors import ErrorCode
from domain.insurance import PAYING, REVOCABLE, OrderVerdict, verdict
from domain.operators import for_operators
from domain.states import PaymentState
from domain.steps import AskOrder, OrderAnswer, PaymentEnd
from workflows import tuning
from workflows.calls import Refusal, Unresolved, ask
from workflows.look_ahead import LookAhead
from workflows.progress import Progress
from workflows.recording import end_unpaid, record_end
from workflows.tickets import SettleDesk

_PAID = 6

_PROCESSING = "医保中心暂未答复, 请稍后以相同参数重试"
_PAYING = "患者正在支付, 请稍后再查询"
_NOT_PAID = "患者尚未完成支付"


class PaymentWindow:
    """Runs until the payment is PAID, or at an unpaid end, or IN_REVIEW."""

    def __init__(self, progress: Progress, desk: SettleDesk, look_ahead: LookAhead) -> None:
        self._progress = progress
        self._desk = desk
        self._look_ahead = look_ahead
        self._wake_at = progress.pre_settled.window_ends_at
        self._ends_at = self._wake_at
        self._gives_up_at = self._ends_at + tuning.PAYING_EXTENSION

    async def run(self) -> None:
        while self._progress.state is PaymentState.PRE_SETTLED:
            await self._wake()
            self._desk.take()
            self._look_ahead.begin()
            answer = await self._ask_order()
            if answer is None:
                await self._no_answer()
            else:
                await self._decide(answer)

    async def _wake(self) -> None:
        """Sleep until a settle call, or until the window ends. Which of them it was does not matter: 6301 decides."""
        left = self._wake_at - workflow.now()
        if left <= timedelta(0) or self._desk.waiting:
            return
        try:
            await workflow.wait_condition(
                lambda: bool(self._desk.waiting),
                timeout=left,
                timeout_summary=for_operators("付款窗口 (payment window)"),
            )
        except TimeoutError:
            workflow.logger.info("payment window is over")

    async def _ask_order(self) -> OrderAnswer | None:
        progress = self._progress
        step = AskOrder(
            **progress.step(),
            reference=progress.reference,
            split=progress.pre_settled.split,
            accepted_at=progress.accepted_at,
            reversal_window_s=progress.terms.reversal_window_s,
        )
        try:
            return await ask(
                InsuranceActivities.ask_order,
                step,
                progress.terms,
                tuning.SETTLE_ASK_BUDGET,
                "6301 医保订单结算结果查询",
            )
        except (Refusal, Unresolved):
            return None

    async def _no_answer(self) -> None:
        self._desk.refuse_served(ErrorCode.PROCESSING, _PROCESSING)
        if self._over():
            await self._extend("ORDER_STATUS_UNKNOWN", "付款窗口已过, 医保中心未答复订单状态, 已转人工核查")

    async def _decide(self, answer: OrderAnswer) -> None:
        ord_stas = answer.status.ord_stas
        match verdict(ord_stas):
            case OrderVerdict.PAID:
                await self._paid(answer)
            case OrderVerdict.FAILED:
                await self._end(PaymentState.REJECTED, ErrorCode.INSURANCE_REFUSED, "患者支付失败, 未发生扣款")
            case OrderVerdict.REVOKED:
                await record_end(self._progress, _cancelled())
            case OrderVerdict.REVIEW:
                await self._review(f"ORDER_STATUS_{ord_stas}", "医保订单状态异常, 已转人工核查")
            case OrderVerdict.WAIT:
                await self._not_paid(ord_stas)

    async def _paid(self, answer: OrderAnswer) -> None:
        progress = self._progress
        progress.settlement = answer.settlement
        if not answer.consistent:
            await self._review("AMOUNT_INCONSISTENT", "医保结算金额与预结算不一致, 已转人工核查")
            return
        progress.enter(PaymentState.PAID)
        progress.tell("等待医院信息系统入账", progress.settled_by_centre.reversal_deadline)

    async def _not_paid(self, ord_stas: int) -> None:
        self._desk.refuse_served(ErrorCode.NOT_PAID, _PAYING if ord_stas in PAYING else _NOT_PAID)
        if not self._over():
            return
        if ord_stas in REVOCABLE:
            await self._end(PaymentState.EXPIRED, ErrorCode.EXPIRED, "超过付款时限未支付, 订单已关闭, 请重新下单")
        else:
            await self._extend("STILL_PAYING", "付款窗口已过, 患者支付仍未完成, 已转人工核查")

    async def _end(self, state: PaymentState, code: ErrorCode, message: str) -> None:
        refused_at = await end_unpaid(self._progress, PaymentEnd(state=state, code=code, message=message))
        if refused_at == _PAID:
            self._wake_at = workflow.now()
        elif refused_at is not None:
            await self._extend("REVOCATION_REFUSED", "医保订单不能撤销, 已转人工核查")

    async def _extend(self, reason: str, message: str) -> None:
        """The window is over and nothing can be decided: ask again for a while, then it is a person's."""
        if workflow.now() >= self._gives_up_at:
            await self._review(reason, message)
            return
        self._wake_at = min(workflow.now() + tuning.PAYING_POLL, self._gives_up_at)
        self._progress.tell("付款窗口已过, 患者可能正在支付, 继续查询 (6301)", self._gives_up_at)

    async def _review(self, reason: str, message: str) -> None:
        await record_end(self._progress, self._progress.review(reason, message))

    def _over(self) -> bool:
        return workflow.now() >= self._ends_at


def _cancelled() -> PaymentEnd:
    return PaymentEnd(state=PaymentState.CANCELLED, code=ErrorCode.CANCELLED, message="医保订单已被撤销, 未发生扣款")
