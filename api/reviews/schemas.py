"""The review queue's calls: what a person sends, and what makes it a valid wish."""

from dataclasses import replace

from api.payments.pre_settle_fields import PAY_AUTH_NO
from api.web.fields import Field
from api.web.p_json import Fields
from domain.reviews import ALONE, Approval, Proposal, ReviewAction

REASON_CHARS_MAX = 300

ACTION = Field(
    "action",
    "操作",
    "REVERSE",
    rule="ASK_AGAIN 重新查询, BOOK 入账, REVERSE 冲正, REFUND 退费, ACCEPT 认定已结算, CLOSE_UNPAID 按未付款关闭",
)
REASON = Field(
    "reason",
    "理由",
    "已与医院财务核实, 未入账",
    required="ASK_AGAIN以外",
    rule="不得含个人信息",
    chars_max=REASON_CHARS_MAX,
)
REFUND_NO = Field(
    "refundNo",
    "退款单号",
    "",
    required="否",
    rule="退款的核查必填; 支付本身的核查不填",
    pattern="[A-Za-z0-9_-]{1,64}",
    chars_max=64,
)
NEW_PAY_AUTH_NO = replace(
    PAY_AUTH_NO, required="REFUND时", rule="患者新的支付授权码, 须在其有效期内复核; 只需告知医院退款时不填", example=""
)

PROPOSAL = (ACTION, REASON, NEW_PAY_AUTH_NO, REFUND_NO)
APPROVAL = (replace(ACTION, rule="必须是待复核的操作"), REFUND_NO)


def read_proposal(fields: Fields, by: str) -> Proposal:
    """Raises `PaymentError` MISSING_FIELD or INVALID_FIELD."""
    action = _action(fields)
    reason = REASON.read(fields) if action in ALONE else REASON.demand(fields)
    return Proposal(action=action, by=by, reason=reason or "", pay_auth_no=NEW_PAY_AUTH_NO.read(fields) or "")


def read_approval(fields: Fields, by: str) -> Approval:
    """Raises `PaymentError` MISSING_FIELD or INVALID_FIELD."""
    return Approval(action=_action(fields), by=by)


def read_refund_no(fields: Fields) -> str:
    """Empty where the case is the payment itself. Raises `PaymentError` INVALID_FIELD."""
    return REFUND_NO.read(fields) or ""


def _action(fields: Fields) -> ReviewAction:
    try:
        return ReviewAction(ACTION.demand(fields))
    except ValueError:
        raise ACTION.invalid(f"只能是{'、'.join(ReviewAction)}") from None
