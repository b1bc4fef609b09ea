"""Wire models of refunds (contract 2.4)."""

from collections.abc import Sequence
from functools import reduce
from typing import Annotated, Self

from pydantic import Field, PlainValidator, ValidationInfo

from api.payments.schemas import NUMBER_PATTERN, PROPOSAL_ID, PayAuthNo, total_of
from api.web.models import CallModel, DataModel, invalid, iso, reading
from domain.base import PaymentKey
from domain.insurance import RefundParts, RefundType
from domain.refunds import RefundOrder
from domain.reviews import Decision
from domain.states import REFUND_DONE, RefundState
from domain.values.fen import Fen, yuan
from security.masking.values import mask_text
from storage.records import RefundRecord

RefundNo = Annotated[
    str,
    Field(
        alias="refundNo",
        title="退款单号",
        description="每笔退款唯一; 1到64位字母、数字、下划线或连字符; 用同一退款单号重复调用是安全的",
        examples=["RFD20250101000001"],
        pattern=NUMBER_PATTERN,
        max_length=64,
    ),
]


TotlRefdAmt = Annotated[
    str, Field(alias="totlRefdAmt", title="退款总额(元); state为REFUND_FAILED时未退", examples=["10.00"])
]
CashRefdAmt = Annotated[str, Field(alias="cashRefdAmt", title="其中现金(元)", examples=["10.00"])]
PsnAcctRefdAmt = Annotated[str, Field(alias="psnAcctRefdAmt", title="其中个人账户(元)", examples=["0.00"])]
FundRefdAmt = Annotated[str, Field(alias="fundRefdAmt", title="其中统筹基金(元)", examples=["0.00"])]


def _amount(text: str | None, info: ValidationInfo) -> Fen | None:
    """Only a cash refund may have an amount, valid or not."""
    if text is None:
        return None
    if info.data.get("refund_type") is not RefundType.CASH:
        raise invalid("只有退现金(type=CASH)时可以填写")
    return total_of(text)


class RefundCall(CallModel):
    """A request for a refund."""

    refund_no: RefundNo
    refund_type: Annotated[RefundType, reading(RefundType, "只能是ALL, CASH或HI")] = Field(
        alias="type", title="退款类型", description="ALL 全部(须未退过), CASH 仅现金, HI 仅医保", examples=["CASH"]
    )
    amount_fen: Annotated[Fen | None, PlainValidator(_amount)] = Field(
        None,
        alias="amount",
        title="退款金额",
        description="元, 最多两位小数; 仅type为CASH时可填, 可分次; 不填则退其余全部现金",
        examples=["10.00"],
    )
    pay_auth_no: PayAuthNo = Field(description="患者为退款再次授权后取得; 一次有效, 约5到10分钟")
    reason: str = Field(alias="reason", title="退款原因", description="随退费发给医保中心", examples=["患者退药"])

    def order(self, key: PaymentKey, requested_by: str) -> RefundOrder:
        """`requested_by`: the name of the caller's key."""
        return RefundOrder(
            hospital=key.hospital,
            med_org_ord=key.med_org_ord,
            refund_no=self.refund_no,
            refund_type=self.refund_type,
            amount_fen=self.amount_fen,
            pay_auth_no=self.pay_auth_no,
            reason=self.reason,
            requested_by=requested_by,
        )


class RefundPath(CallModel):
    """The refundNo in a path."""

    refund_no: RefundNo


class RefundedAmounts(DataModel):
    """Refunded amounts, in yuan."""

    totl_refd_amt: TotlRefdAmt
    cash_refd_amt: CashRefdAmt
    psn_acct_refd_amt: PsnAcctRefdAmt
    fund_refd_amt: FundRefdAmt

    @classmethod
    def of_payment(cls, refunds: Sequence[RefundRecord]) -> Self:
        """What has been refunded of a payment, not counting a refund in progress."""
        done = [refund.parts for refund in refunds if refund.state in REFUND_DONE]
        return cls(**_amounts(reduce(RefundParts.plus, done, RefundParts())))


class RefundData(DataModel):
    """A refund in whatever state."""

    refund_no: str = Field(alias="refundNo", title="退款单号", examples=["RFD20250101000001"])
    med_org_ord: str = Field(alias="medOrgOrd", title="医院订单号", examples=["ORD20250101000001"])
    state: str = Field(
        alias="state",
        title="PROPOSED 操作人已提议, 待另一人复核, REFUNDING 处理中, "
        "REFUNDED 已退且订单全部退完, PARTIALLY_REFUNDED 已退且订单未全部退完, "
        "REFUND_FAILED 未退, IN_REVIEW 结果待人工核查",
        examples=[RefundState.PARTIALLY_REFUNDED.value],
    )
    refd_type: str = Field("", alias="refdType", title="退款类型: ALL 全部, CASH 仅现金, HI 仅医保", examples=["CASH"])
    totl_refd_amt: TotlRefdAmt = ""
    cash_refd_amt: CashRefdAmt = ""
    psn_acct_refd_amt: PsnAcctRefdAmt = ""
    fund_refd_amt: FundRefdAmt = ""
    refd_sn: str = Field(
        "", alias="refdSn", title="医保中心退款流水号; 医保中心未返回时为空", examples=["RF2025010100000001"]
    )
    error_code: str = Field("", alias="errorCode", title="未成功时的原因代码", examples=[""])
    error_message: str = Field("", alias="errorMessage", title="未成功时的原因", examples=[""])

    @classmethod
    def of(cls, record: RefundRecord, **more: str) -> Self:
        """A refund that has a row. `more`: the fields that a subclass adds."""
        return cls(
            refund_no=record.refund_no,
            med_org_ord=record.key.med_org_ord,
            state=record.state.value,
            refd_type=record.refund_type.value,
            **_amounts(record.parts),
            refd_sn=record.refd_sn,
            error_code=record.error_code.value if record.error_code else "",
            error_message=mask_text(record.error_message),
            **more,
        )

    @classmethod
    def begun(cls, key: PaymentKey, refund_no: str, state: RefundState, **more: str) -> Self:
        """A refund without a row: it waits for a second person, or for another refund of the payment."""
        return cls(refund_no=refund_no, med_org_ord=key.med_org_ord, state=state.value, **more)


class ProposedRefundData(RefundData):
    """An operator's refund that waits for a second person."""

    proposal: str = Field(alias="proposal", title="提议编号, 复核时填写", examples=[PROPOSAL_ID])
    message: str = Field(alias="message", title="说明", examples=["已提议, 待另一人复核, 10分钟内未复核则失效, 未退费"])

    @classmethod
    def of_proposal(cls, order: RefundOrder, decision: Decision) -> Self:
        message = f"{decision.message}, 10分钟内未复核则失效, 未退费"
        proposed = RefundState.PROPOSED
        return cls.begun(order, order.refund_no, proposed, proposal=decision.proposal, message=message)


class PaymentRefundData(RefundData):
    """A refund as listed in its payment."""

    requested_at: str = Field(alias="requestedAt", title="申请时间")
    updated_at: str = Field(alias="updatedAt", title="最近更新时间")
    requested_by: str = Field(alias="requestedBy", title="申请人的密钥名称")
    reason: str = Field(alias="reason", title="退款原因")
    his_told_at: str = Field(alias="hisToldAt", title="告知医院的时间, 未告知时为空")

    @classmethod
    def in_view(cls, record: RefundRecord) -> Self:
        return cls.of(
            record,
            requested_at=iso(record.requested_at),
            updated_at=iso(record.updated_at),
            requested_by=record.requested_by,
            reason=mask_text(record.reason),
            his_told_at=iso(record.his_told_at),
        )


def _amounts(parts: RefundParts) -> dict[str, str]:
    return {
        "totl_refd_amt": yuan(parts.total_fen),
        "cash_refd_amt": yuan(parts.own_pay_fen),
        "psn_acct_refd_amt": yuan(parts.psn_acct_fen),
        "fund_refd_amt": yuan(parts.fund_fen),
    }
