"""A refund as callers see it: every value a string, amounts in yuan (contract 2.4)."""

from collections.abc import Mapping, Sequence
from functools import reduce

from domain.base import PaymentKey
from domain.fen import Fen, yuan
from domain.insurance import RefundParts
from domain.states import REFUND_DONE, RefundState
from security.masking.values import mask_text
from storage.records import RefundRecord

REFUND_DATA: Mapping[str, str] = {
    "refundNo": "退款单号",
    "medOrgOrd": "医院订单号",
    "state": (
        "REFUNDING 处理中, REFUNDED 已退且订单全部退完, PARTIALLY_REFUNDED 已退且订单未全部退完, REFUND_FAILED 未退, "
        "IN_REVIEW 结果待人工核查"
    ),
    "refdType": "退款类型: ALL 全部, CASH 仅现金, HI 仅医保",
    "totlRefdAmt": "退款总额(元); state为REFUND_FAILED时未退",
    "cashRefdAmt": "其中现金(元)",
    "psnAcctRefdAmt": "其中个人账户(元)",
    "fundRefdAmt": "其中统筹基金(元)",
    "refdSn": "医保中心退款流水号; 医保中心未返回时为空",
    "errorCode": "未成功时的原因代码",
    "errorMessage": "未成功时的原因",
}
"""A refund's fields, in order, and what they mean."""


def refund_data(record: RefundRecord) -> dict[str, str]:
    """A refund that has its row."""
    return {
        "refundNo": record.refund_no,
        "medOrgOrd": record.key.med_org_ord,
        "state": record.state.value,
        "refdType": record.refund_type.value,
        **_amounts(record.parts),
        "refdSn": record.refd_sn,
        "errorCode": record.error_code.value if record.error_code else "",
        "errorMessage": mask_text(record.error_message),
    }


def begun_data(key: PaymentKey, refund_no: str) -> dict[str, str]:
    """A refund that runs, and waits for another one before anything of it is reserved."""
    known = {"refundNo": refund_no, "medOrgOrd": key.med_org_ord, "state": RefundState.REFUNDING.value}
    return dict.fromkeys(REFUND_DATA, "") | known


def refunded_amounts(refunds: Sequence[RefundRecord]) -> dict[str, str]:
    """What of a payment went back, without the refund under way."""
    done = [refund.parts for refund in refunds if refund.state in REFUND_DONE]
    return _amounts(reduce(RefundParts.plus, done, RefundParts()))


def _amounts(parts: RefundParts) -> dict[str, str]:
    by_name: dict[str, Fen] = {
        "totlRefdAmt": parts.total_fen,
        "cashRefdAmt": parts.own_pay_fen,
        "psnAcctRefdAmt": parts.psn_acct_fen,
        "fundRefdAmt": parts.fund_fen,
    }
    return {name: yuan(fen) for name, fen in by_name.items()}
