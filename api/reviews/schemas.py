"""Wire models of the review queue: no personal data, no tokens; times in ISO 8601 with their zone."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field, ValidationInfo, field_validator

from api.payments.schemas import LONG_CHARS_MAX, NUMBER_PATTERN, PROPOSAL_ID
from api.payments.view import SplitData
from api.reviews.service import ApprovalWish, CaseLook, Insured, ProposalWish
from api.web.models import Absent, CallModel, DataModel, iso, missing, reading, sample_of
from domain.reviews import ALONE, Decision, Proposed, ReviewAction, ReviewFacts
from security.masking.values import mask_name, mask_text
from storage.records import CaseEventRecord, CaseRecord

REASON_CHARS_MAX = 300

_OneOfThem = reading(ReviewAction, f"只能是{'、'.join(ReviewAction)}")
Action = Annotated[
    ReviewAction,
    _OneOfThem,
    Field(
        alias="action",
        title="操作",
        description="ASK_AGAIN 重新查询, BOOK 入账, REVERSE 冲正, REFUND 退费, ACCEPT 认定已结算, "
        "CLOSE_UNPAID 按未付款关闭",
        examples=[ReviewAction.REVERSE.value],
    ),
]
RefundOfCase = Annotated[
    str | None,
    Field(
        alias="refundNo",
        title="退款单号",
        description="退款的核查必填; 支付本身的核查不填",
        pattern=NUMBER_PATTERN,
        max_length=64,
    ),
]


class PageCall(CallModel):
    """Where a page of the queue begins."""

    cursor: str | None = Field(
        None,
        alias="cursor",
        title="分页位置",
        description="上一页返回的nextCursor",
        pattern="^[0-9]{1,18}$",
        max_length=18,
    )


class CaseCall(CallModel):
    """Which case of a payment: its own, or that of a refund."""

    refund_no: RefundOfCase = None


class ProposalCall(CallModel):
    """A proposed action."""

    action: Action
    reason: str | None = Field(
        None,
        alias="reason",
        title="理由",
        description="不得含个人信息",
        examples=["已与医院财务核实, 未入账"],
        max_length=REASON_CHARS_MAX,
        json_schema_extra={"x-required": "ASK_AGAIN以外"},
        validate_default=True,
    )
    pay_auth_no: str | None = Field(
        None,
        alias="payAuthNo",
        title="支付授权码",
        description="患者新的支付授权码, 须在其有效期内复核; 只需告知医院退款时不填",
        max_length=LONG_CHARS_MAX,
        json_schema_extra={"x-required": "REFUND时"},
    )
    refund_no: RefundOfCase = None

    @field_validator("reason")
    @classmethod
    def _of_two(cls, reason: str | None, info: ValidationInfo) -> str | None:
        """An action that moves or forgives money needs a reason (product rule 15)."""
        if reason is None and info.data.get("action") not in ALONE:
            raise missing()
        return reason

    def wish(self, by: str) -> ProposalWish:
        """`by`: the name of the caller's key."""
        return ProposalWish(by, self.action, self.reason or "", self.pay_auth_no or "")


class ApprovalCall(CallModel):
    """A second person's approval."""

    proposal: str = Field(
        alias="proposal",
        title="提议编号",
        description="所复核的提议: 提议时返回, 查询核查时也显示; 已被取代的提议不能复核",
        examples=[PROPOSAL_ID],
        pattern="^[0-9a-f]{32}$",
        max_length=32,
    )
    action: Annotated[ReviewAction | None, _OneOfThem] = Field(
        None, alias="action", title="操作", description="可不填; 填写时必须是该提议的操作"
    )
    refund_no: RefundOfCase = None

    def wish(self, by: str) -> ApprovalWish:
        """`by`: the name of the caller's key."""
        return ApprovalWish(by, self.proposal, self.action)


class CaseData(DataModel):
    """One line of the queue: a case as our rows have it. Money in fen."""

    med_org_ord: str = Field(alias="medOrgOrd", title="医院订单号", examples=["ORD20250101000001"])
    refund_no: str = Field(alias="refundNo", title="退款单号; 支付本身的核查为空", examples=[""])
    reason: str = Field(alias="reason", title="原因代码", examples=["AMOUNT_INCONSISTENT"])
    message: str = Field(alias="message", title="原因", examples=["医保结算金额与预结算不一致, 已转人工核查"])
    at_risk_fen: str = Field(alias="atRiskFen", title="去向未定的金额(分)", examples=["12850"])
    opened_at: str = Field(alias="openedAt", title="转入人工核查的时间", examples=["2025-01-01T02:25:30.000+00:00"])
    age_s: str = Field(alias="ageS", title="已等待(秒)", examples=["95"])
    deadline: str = Field(
        alias="deadline", title="期限: 冲正截止时间, 没有时为空", examples=["2025-01-01T03:20:30.000+00:00"]
    )
    closed_at: str = Field(alias="closedAt", title="结束时间, 未结束时为空", examples=[""])
    outcome: str = Field(alias="outcome", title="结束时的支付状态", examples=[""])
    workflow_id: str = Field(alias="workflowId", title="Temporal工作流ID", examples=["payment-main-ORD20250101000001"])

    @classmethod
    def of(cls, case: CaseRecord, now: datetime, **more: object) -> Self:
        """`more`: the fields that a subclass adds."""
        until = case.closed_at or now
        return cls(
            med_org_ord=case.key.med_org_ord,
            refund_no=case.refund_no,
            reason=case.reason,
            message=mask_text(case.message),
            at_risk_fen=str(case.at_risk_fen),
            opened_at=iso(case.opened_at),
            age_s=str(max(0, round((until - case.opened_at).total_seconds()))),
            deadline=iso(case.deadline),
            closed_at=iso(case.closed_at),
            outcome=case.outcome or "",
            workflow_id=case.workflow_id,
            **more,
        )


class PageData(DataModel):
    """A page of the open cases."""

    cases: list[CaseData] = Field(
        alias="cases",
        title=f"未结束的核查, 先来的在前: {', '.join(sample_of(CaseData))}",
        examples=[[sample_of(CaseData)]],
    )
    next_cursor: str = Field(alias="nextCursor", title="下一页的cursor; 最后一页为空", examples=[""])


class CentreData(DataModel):
    """What the centre says now; empty if it does not answer."""

    ord_stas: str | Absent = Field(None, alias="ordStas", title="订单状态")
    settled: SplitData | Absent = Field(None, alias="settled", title="医保中心已结算的金额(元); 没有时为空")
    same_as_pre_settled: str | Absent = Field(None, alias="sameAsPreSettled", title="与预结算一致: true, false")
    adds_up_to_total: str | Absent = Field(None, alias="addsUpToTotal", title="各部分之和等于总金额: true, false")
    went_back: str | Absent = Field(None, alias="wentBack", title="已退回: true, false")

    @classmethod
    def of(cls, facts: ReviewFacts) -> Self:
        if facts.ord_stas is None:
            return cls()
        return cls(
            ord_stas=str(facts.ord_stas),
            settled=SplitData.of(facts.settled),
            same_as_pre_settled=_word(is_so=facts.same_amounts),
            adds_up_to_total=_word(is_so=facts.adds_up),
            went_back=_word(is_so=facts.went_back),
        )


class HisData(DataModel):
    """What HIS says now; empty if it does not answer."""

    settlement_no: str | Absent = Field(None, alias="settlementNo", title="医院结算号")
    visit_id: str | Absent = Field(None, alias="VISIT_ID", title="就诊ID")

    @classmethod
    def of(cls, facts: ReviewFacts) -> Self:
        if not facts.his_answers:
            return cls()
        return cls(settlement_no=facts.settlement_no or "", visit_id=facts.visit_id or "")


class PatientData(DataModel):
    """Whose payment it is."""

    patient_id: str = Field(alias="PATIENT_ID", title="患者ID", examples=["100001"])
    name: str = Field(alias="name", title="姓名(脱敏)", examples=["张*"])

    @classmethod
    def of(cls, patient: Insured) -> Self:
        return cls(patient_id=mask_text(patient.patient_id), name=mask_name(patient.name) if patient.name else "")

    def words(self) -> str:
        """As people are told."""
        return f"{self.name or '患者'} (PATIENT_ID {self.patient_id})"


class ProposedData(DataModel):
    """The proposal awaiting a second person; empty if there is none."""

    proposal: str | Absent = Field(None, alias="proposal", title="提议编号, 复核时填写")
    action: str | Absent = Field(None, alias="action", title="操作")
    by: str | Absent = Field(None, alias="by", title="提议人")
    reason: str | Absent = Field(None, alias="reason", title="理由")
    at: str | Absent = Field(None, alias="at", title="时间")
    pay_auth_no_of: str | Absent = Field(None, alias="payAuthNoOf", title="支付授权码所属的患者, 仅REFUND")

    @classmethod
    def of(cls, proposed: Proposed | None, patient: PatientData) -> Self:
        if proposed is None:
            return cls()
        return cls(
            proposal=proposed.proposal,
            action=proposed.action.value,
            by=proposed.by,
            reason=mask_text(proposed.reason),
            at=iso(proposed.at),
            pay_auth_no_of=patient.words() if proposed.action is ReviewAction.REFUND else None,
        )


class EventData(DataModel):
    """What someone did about a case."""

    at: str = Field(alias="at", title="时间")
    event: str = Field(alias="event", title="proposed, approved, refused, carried_out")
    action: str = Field(alias="action", title="操作")
    proposal: str = Field(alias="proposal", title="提议编号; 无须复核的操作为空")
    by: str = Field(alias="by", title="操作人")
    reason: str = Field(alias="reason", title="理由")

    @classmethod
    def of(cls, event: CaseEventRecord) -> Self:
        return cls(
            at=iso(event.at),
            event=event.event.value,
            action=event.action.value,
            proposal=event.proposal,
            by=event.by,
            reason=mask_text(event.reason),
        )


class CaseLookData(CaseData):
    """A case, with what the centre and HIS say now."""

    state: str = Field(alias="state", title="支付现在的状态", examples=["IN_REVIEW"])
    patient: PatientData = Field(
        alias="patient",
        title="患者: PATIENT_ID, name(脱敏)",
        examples=[{"PATIENT_ID": "100001", "name": "张*"}],
    )
    centre: CentreData = Field(
        alias="centre",
        title="医保中心现在的答复: ordStas, settled(元), sameAsPreSettled, addsUpToTotal, wentBack; 未答复为空",
        examples=[{"ordStas": "6", "sameAsPreSettled": "false", "addsUpToTotal": "true", "wentBack": "false"}],
    )
    his: HisData = Field(
        alias="his",
        title="医院信息系统现在的答复: settlementNo, VISIT_ID; 未答复为空",
        examples=[{"settlementNo": "", "VISIT_ID": "V1"}],
    )
    reversible_until: str = Field(
        alias="reversibleUntil",
        title="冲正令牌的截止时间, 没有令牌时为空",
        examples=["2025-01-01T03:20:30.000+00:00"],
    )
    safe: list[str] = Field(alias="safe", title="现在可以提议的操作", examples=[["ASK_AGAIN", "BOOK", "REVERSE"]])
    refused: dict[str, str] = Field(
        alias="refused", title="现在不能做的操作, 及其原因", examples=[{"ACCEPT": "医院未入账, 不能认定为已结算"}]
    )
    proposed: ProposedData = Field(
        alias="proposed",
        title="待复核的提议: proposal, action, by, reason, at, REFUND时另有payAuthNoOf; 没有时为空",
        examples=[{}],
    )
    unasked: str = Field(alias="unasked", title="没有实时答复时的原因", examples=[""])
    events: list[EventData] = Field(
        alias="events",
        title="谁在何时提议、复核、被拒、执行了什么: at, event, action, proposal, by, reason",
        examples=[[]],
    )

    @classmethod
    def of_look(cls, look: CaseLook, now: datetime) -> Self:
        view, patient = look.view, PatientData.of(look.patient)
        return cls.of(
            look.case,
            now,
            state=look.state.value,
            patient=patient,
            centre=CentreData.of(view.facts) if view else CentreData(),
            his=HisData.of(view.facts) if view else HisData(),
            reversible_until=iso(view.facts.reversible_until) if view else "",
            safe=[action.value for action in ReviewAction if action not in view.refused] if view else [],
            refused={action.value: why for action, why in view.refused.items()} if view else {},
            proposed=ProposedData.of(view.proposed if view else None, patient),
            unasked=look.unasked,
            events=[EventData.of(event) for event in look.events],
        )


class DecisionData(DataModel):
    """The result of a proposal or an approval."""

    state: str = Field(alias="state", title="支付(或退款)现在的状态", examples=["IN_REVIEW"])
    message: str = Field(alias="message", title="说明", examples=["已提议, 待另一人复核"])
    waiting: str = Field(alias="waiting", title="true: 待另一人复核; false: 已处理", examples=["true"])
    proposal: str = Field(
        alias="proposal", title="提议编号, 复核时填写; 无须复核的操作(ASK_AGAIN)为空", examples=[PROPOSAL_ID]
    )
    pay_auth_no_of: str | Absent = Field(None, alias="payAuthNoOf", title="支付授权码所属的患者, 仅REFUND")

    @classmethod
    def of(cls, decision: Decision, patient: Insured | None = None) -> Self:
        """`patient`: whose payAuthNo it takes, if it takes one."""
        return cls(
            state=decision.state,
            message=mask_text(decision.message),
            waiting=_word(is_so=decision.waiting),
            proposal=decision.proposal,
            pay_auth_no_of=PatientData.of(patient).words() if patient is not None else None,
        )


def _word(*, is_so: bool) -> str:
    return "true" if is_so else "false"
