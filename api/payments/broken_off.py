"""A payment that our row says goes on, and whose workflow is closed: somebody terminated it in Temporal.

It is started once more under its id. Where money may have moved, straight into the review queue; where the centre has
no order of it, only to be closed, so that its bill is free again.
"""

import structlog

from api.payments.reopening import reopening
from api.payments.workflows import PaymentWorkflows
from domain.errors import ErrorCode, PaymentError
from domain.orders import PaymentTerms
from storage.records import PaymentRecord

logger = structlog.get_logger(__name__)


async def take_up(workflows: PaymentWorkflows, record: PaymentRecord, terms: PaymentTerms) -> PaymentError:
    """Start it. What a caller is told. Raises `PaymentError` UNAVAILABLE."""
    logger.error("payment_broken_off", workflow_id=record.order.workflow_id)
    start = reopening(record, terms)
    if start is None or start.reopened is None:
        raise AssertionError("a payment that goes on can be started")
    await workflows.reopen(start)
    if start.reopened.uploaded is None:
        return PaymentError(ErrorCode.PROCESSING, "该订单的处理曾被中断, 正在关闭, 请稍后重试")
    return PaymentError(ErrorCode.IN_REVIEW, "该订单的处理被中断, 需要人工核查, 请联系医院")
