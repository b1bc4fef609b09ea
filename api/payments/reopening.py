"""Starts a closed payment's workflow again from our row: after a hint of late money, or after it was terminated."""

import structlog

from api.payments.workflows import PaymentWorkflows
from domain.errors import ErrorCode, PaymentError
from domain.orders import PaymentStart, PaymentTerms
from domain.states import TERMINAL
from storage.known import insured_name, known_payment
from storage.records import PaymentRecord
from storage.session import Database

logger = structlog.get_logger(__name__)


async def reopening(database: Database, record: PaymentRecord, terms: PaymentTerms) -> PaymentStart | None:
    """How to start the workflow again. None if the payment has ended and the centre can't be asked about it.

    Asking takes an order at the centre and the insured's name. A payment that was terminated before its end is
    started in any case: it must be closed, or reviewed by people.
    """
    may_be_asked = bool(record.pay_ord_id and record.pay_token and insured_name(record))
    if not may_be_asked and record.state in TERMINAL:
        return None
    async with database.read() as unit:
        known = await known_payment(unit, record)
    return PaymentStart(order=record.order, terms=terms, reopened=known)


async def take_up(
    database: Database, workflows: PaymentWorkflows, record: PaymentRecord, terms: PaymentTerms
) -> PaymentError:
    """Start the workflow of a payment that was terminated before its end again.

    Returns what to tell the caller: IN_REVIEW, or PROCESSING where nothing was ordered yet. Raises `PaymentError`
    UNAVAILABLE.
    """
    logger.error("payment_broken_off", workflow_id=record.order.workflow_id)
    start = await reopening(database, record, terms)
    if start is None or start.reopened is None:
        raise AssertionError("a payment that has not ended can always be started again")
    await workflows.reopen(start)
    if start.reopened.uploaded is None:
        return PaymentError(ErrorCode.PROCESSING, "该订单的处理曾被中断, 正在关闭, 请稍后重试")
    return PaymentError(ErrorCode.IN_REVIEW, "该订单的处理被中断, 需要人工核查, 请联系医院")
