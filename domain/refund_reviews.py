"""A refund that a person must decide: which actions are safe on what the centre shows now (product rule 15)."""

from domain.refund_steps import RefundLook
from domain.refunds import RefundVerdict
from domain.reviews import ReviewAction

_REFUNDING = 17
_NO_ANSWER = "医保中心未答复, 不能确认是否已退费"
_UNDER_WAY = "医保中心正在处理退费(ordStas 17), 请稍后重新查询"
_NOT_FOR_REFUNDS = "该操作不适用于退费"


def refused_on_refund(look: RefundLook | None) -> dict[ReviewAction, str]:
    """Each action that is not safe, and why. `look` None: the centre does not answer."""
    refused = {ReviewAction.BOOK: _NOT_FOR_REFUNDS, ReviewAction.REVERSE: _NOT_FOR_REFUNDS}
    if look is None or look.ord_stas == _REFUNDING:
        why = _NO_ANSWER if look is None else _UNDER_WAY
        return refused | dict.fromkeys((ReviewAction.REFUND, ReviewAction.ACCEPT, ReviewAction.CLOSE_UNPAID), why)
    shown = f"(ordStas {look.ord_stas})"
    if look.verdict is RefundVerdict.DONE:
        refused[ReviewAction.REFUND] = f"医保中心显示已退费{shown}, 不能再退"
        refused[ReviewAction.CLOSE_UNPAID] = f"医保中心显示已退费{shown}, 不能按未退费关闭"
    if look.verdict is RefundVerdict.NOT_DONE:
        refused[ReviewAction.ACCEPT] = f"医保中心显示未退费{shown}, 不能认定为已退费"
    return refused
