"""Hints that a payment may have been paid: the centre's notice (6302), or an operator's recheck.

A hint only makes the payment's workflow ask 6301, which decides. A payment that ended unpaid is reopened for it, and
a settled one if money may have gone back past us.
"""

from enum import StrEnum

import structlog

from api.payments.path import unknown_order
from api.payments.reopening import reopening, take_up
from api.payments.workflows import PaymentWorkflows
from api.temporal import WorkflowClosedError
from domain.base import PaymentKey
from domain.errors import ErrorCode
from domain.ids import payment_workflow_id
from domain.ord_stas import is_back_past_us
from domain.orders import PaymentTerms
from domain.states import SETTLED_STATES, TERMINAL, UNPAID_ENDS, PaymentState, has_reached
from storage.records import PaymentRecord
from storage.session import Database

logger = structlog.get_logger(__name__)

LOOKS_MAX = 2
"""The row is read again if the workflow has closed since: it then says how it ended."""


class Followed(StrEnum):
    """What was done about a hint."""

    ASKED = "ASKED"
    UNDER_REVIEW = "UNDER_REVIEW"
    REOPENED = "REOPENED"
    REFUNDS_ASKED = "REFUNDS_ASKED"
    NOT_NEEDED = "NOT_NEEDED"
    NOTHING_TO_ASK = "NOTHING_TO_ASK"
    TAKEN_UP = "TAKEN_UP"
    BROKEN_OFF = "BROKEN_OFF"


EXPLAINED = {
    Followed.ASKED: "已转交支付流程, 向医保中心核实(6301)",
    Followed.UNDER_REVIEW: "订单正在人工核查, 由核查人按医保中心的最新状态处理",
    Followed.REOPENED: "订单已关闭未付款, 重新向医保中心核实(6301)",
    Followed.REFUNDS_ASKED: "订单已结算, 向医保中心核实是否另有退费(6301)",
    Followed.NOT_NEEDED: "订单已付款或已冲正, 无需核实",
    Followed.NOTHING_TO_ASK: "订单已关闭, 且没有医保订单号, 无法向医保中心核实",
    Followed.TAKEN_UP: "该订单的处理曾被中断, 已重新打开, 转人工核查",
    Followed.BROKEN_OFF: "该订单的处理曾被中断, 医保中心没有该订单, 未发生扣款, 正在关闭",
}


class Hints:
    def __init__(self, database: Database, workflows: PaymentWorkflows) -> None:
        self._database = database
        self._workflows = workflows

    async def follow(self, key: PaymentKey, terms: PaymentTerms, ord_stas: str = "") -> Followed:
        """Make the payment's workflow ask 6301. Raises `PaymentError` UNKNOWN_ORDER or UNAVAILABLE.

        `ord_stas`: what a notice says; empty: an operator wants to know in any case.
        """
        record: PaymentRecord | None = None
        for _ in range(LOOKS_MAX):
            record = await self._find(key)
            try:
                return await self._tell(key, record, terms, ord_stas)
            except WorkflowClosedError:
                logger.info("hint_after_the_end", hospital=key.hospital, medOrgOrd=key.med_org_ord)
        if record is None:
            raise unknown_order()
        told = await take_up(self._database, self._workflows, record, terms)
        return Followed.TAKEN_UP if told.code is ErrorCode.IN_REVIEW else Followed.BROKEN_OFF

    async def _tell(
        self, key: PaymentKey, record: PaymentRecord | None, terms: PaymentTerms, ord_stas: str
    ) -> Followed:
        """Raises `WorkflowClosedError` if the workflow has closed although our row says that it is running."""
        if record is None or record.state not in TERMINAL:
            await self._workflows.notice(payment_workflow_id(key.hospital, key.med_org_ord))
            return _followed_by_running(record)
        settled = record.state in SETTLED_STATES and _may_be_back_past_us(record, ord_stas)
        if record.state not in UNPAID_ENDS and not settled:
            return Followed.NOT_NEEDED
        start = await reopening(self._database, record, terms)
        if start is None:
            return Followed.NOTHING_TO_ASK
        await self._workflows.reopen(start)
        return Followed.REFUNDS_ASKED if settled else Followed.REOPENED

    async def _find(self, key: PaymentKey) -> PaymentRecord | None:
        async with self._database.read() as unit:
            return await unit.payments.find(key)


def _may_be_back_past_us(record: PaymentRecord, ord_stas: str) -> bool:
    """Whether 6301 must be asked about a settled payment: not for a notice of its payment, or of our own refund."""
    if record.refunding:
        return False
    told = int(ord_stas) if ord_stas.isascii() and ord_stas.isdecimal() else None
    return told is None or is_back_past_us(told, record.paid, record.refunded)


def _followed_by_running(record: PaymentRecord | None) -> Followed:
    """What a running payment does about a hint."""
    if record is None:
        return Followed.ASKED
    if record.state is PaymentState.IN_REVIEW:
        return Followed.UNDER_REVIEW
    settled = record.state is PaymentState.REVERSING or has_reached(record.state, PaymentState.PAID)
    return Followed.NOT_NEEDED if settled else Followed.ASKED
