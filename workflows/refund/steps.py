"""The steps of a refund: reserve, send the money back, tell HIS (product rule 16)."""

from datetime import datetime, timedelta

from temporalio import workflow

from activities.contract.his import HisActivities, TellRefund
from activities.contract.refunds import (
    EndProposal,
    ProposeRefund,
    RefundActivities,
    RefundMade,
    RefundMoney,
    ReserveRefund,
)
from domain.attention import ATTENTION, AttentionReason
from domain.base import for_operators
from domain.errors import ErrorCode, Outcome
from domain.refunds import RefundEnd
from domain.states import RefundState
from workflows import limits
from workflows.calls import NotKept, Refusal, Unresolved
from workflows.refund.progress import RefundProgress

_NOT_APPROVED = "该退款提议在10分钟内未获另一人复核, 已失效, 未退费; 如仍需退款请用新的退款单号(refundNo)和支付授权码"
_TOLD = "已退费, 已通知医院信息系统"
_NOT_TOLD = "已退费, 医院信息系统未接受退费通知, 请人工处理"


async def open_proposal(progress: RefundProgress, expires_at: datetime) -> bool:
    """Open the case of an operator's refund. False: it is not to be awaited, since it is refused or has its row."""
    step = ProposeRefund(
        **progress.step(),
        order=progress.order,
        cash_refunded_by=progress.terms.cash_refunded_by,
        expires_at=expires_at,
    )
    try:
        opened = await progress.steps.first_local(
            RefundActivities.propose, step, limits.RECORD_BUDGET, "人工核查: 退款提议"
        )
    except Refusal as refusal:
        progress.enter(failed(refusal))
        return False
    if not opened:
        progress.begun()
    return opened


async def end_proposal(progress: RefundProgress) -> None:
    """Close the case of an operator's refund. If nobody has approved it by now, it is REFUND_FAILED."""
    in_time = progress.state is RefundState.REFUNDING
    message = "" if in_time else _NOT_APPROVED
    step = EndProposal(**progress.step(), order=progress.order, message=message)
    summary = f"人工核查: 退款提议{'已复核' if in_time else '已过期'}"
    await progress.steps.first_local(RefundActivities.end_proposal, step, limits.RECORD_BUDGET, summary)
    if not in_time:
        progress.enter(failed(Refusal(ErrorCode.EXPIRED, message)))


async def reserve(progress: RefundProgress) -> bool:
    """Reserve the parts, once no other refund of the payment is under way. False: refused, REFUND_FAILED."""
    gives_up_at = workflow.now() + limits.HOLDER_WAIT
    pauses = iter(limits.HOLDER_POLL)
    try:
        while not await _try_to_reserve(progress, gives_up_at):
            progress.show("等待该订单的另一笔退款结束")
            pause = next(pauses, limits.HOLDER_POLL[-1])
            await workflow.sleep(pause, summary=for_operators("等待另一笔退款 (another refund)"))
    except Refusal as refusal:
        progress.enter(failed(refusal))
        return False
    return True


async def send_money(progress: RefundProgress) -> None:
    """6203. The refund succeeds, fails if the centre refuses or was never reached, else it is IN_REVIEW."""
    progress.show("等待医保中心退费 (6203)")
    try:
        made = await send_6203(progress, progress.order.pay_auth_no, progress.sends_max)
    except Refusal as refusal:
        await progress.record(failed(refusal))
    except Unresolved as unresolved:
        if unresolved.outcome is Outcome.NOT_SENT:
            message = "医保中心在时限内无法连接, 未退费, 请稍后用新的退款单号(refundNo)重试"
            await progress.record(failed(Refusal(ErrorCode.INSURANCE_UNAVAILABLE, message)))
        else:
            await progress.record(_unknown(AttentionReason.REFUND_OUTCOME_UNKNOWN))
    except NotKept:
        await progress.record(_unknown(AttentionReason.RECORD_REFUSED))
    else:
        progress.enter(RefundEnd(state=made.state, note=made.note))


async def send_6203(progress: RefundProgress, pay_auth_no: str, sends_max: int) -> RefundMade:
    """6203 with the same appRefdSn, at most `sends_max` times in all. Raises `Refusal`, `Unresolved`, `NotKept`."""
    order = progress.order
    step = RefundMoney(
        **progress.step(),
        refund_no=order.refund_no,
        reserved=progress.reserved,
        refund_type=order.refund_type,
        pay_auth_no=pay_auth_no,
        reason=order.reason,
        sends_max=sends_max,
    )
    return await progress.steps.first_local(
        RefundActivities.refund,
        step,
        limits.REFUND_BUDGET,
        "6203 医保退费",
        retry=limits.REFUND_RETRY,
    )


async def tell_his(progress: RefundProgress) -> None:
    """Tell HIS, for up to a day. If it accepts late or never, HIS_NOT_TOLD leads an operator to the refund."""
    progress.show("已退费, 通知医院信息系统")
    try:
        await _tell(progress, limits.HIS_TOLD_SOON)
    except Refusal:
        progress.want_attention(AttentionReason.HIS_NOT_TOLD)
        progress.show(_NOT_TOLD)
        return
    except Unresolved:
        progress.want_attention(AttentionReason.HIS_NOT_TOLD)
        await _tell_for_a_day(progress)
        return
    progress.show(_TOLD)


async def _tell_for_a_day(progress: RefundProgress) -> None:
    try:
        await _tell(progress, limits.HIS_TOLD_BUDGET)
    except (Refusal, Unresolved):
        progress.show(_NOT_TOLD)
        return
    progress.clear_attention()
    progress.show(_TOLD)


async def _try_to_reserve(progress: RefundProgress, gives_up_at: datetime) -> bool:
    step = ReserveRefund(
        **progress.step(),
        order=progress.order,
        cash_refunded_by=progress.terms.cash_refunded_by,
        last_try=workflow.now() >= gives_up_at,
    )
    reserved = await progress.steps.first_local(RefundActivities.reserve, step, limits.RECORD_BUDGET, "预留退款额度")
    if reserved is None:
        return False
    progress.parts_reserved(reserved)
    return True


async def _tell(progress: RefundProgress, budget: timedelta) -> None:
    """Raises `Refusal`, `Unresolved`."""
    step = TellRefund(
        **progress.step(),
        refund_no=progress.order.refund_no,
        total_fen=progress.reserved.parts.total_fen,
    )
    summary, retry = "HIS: 通知退费", limits.HIS_TOLD_RETRY
    await progress.steps.first_local(HisActivities.tell_refund, step, budget, summary, retry=retry)


def failed(refusal: Refusal) -> RefundEnd:
    """REFUND_FAILED: nothing was refunded."""
    return RefundEnd(state=RefundState.REFUND_FAILED, code=refusal.code, message=refusal.message, note=refusal.note)


def _unknown(reason: AttentionReason) -> RefundEnd:
    return RefundEnd(
        state=RefundState.IN_REVIEW,
        code=ErrorCode.IN_REVIEW,
        message=ATTENTION[reason].message,
        note=reason.value,
    )
