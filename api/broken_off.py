"""A payment that our row says goes on, and whose workflow is closed: somebody terminated it in Temporal.

Money may have moved, and nobody watches: it is started once more under its id, straight into the review queue.
"""

import structlog

from api.payment_workflows import PaymentWorkflows
from api.reopening import reopening
from domain.errors import ErrorCode, PaymentError
from domain.orders import PaymentTerms
from storage.records import PaymentRecord

logger = structlog.get_logger(__name__)


async def take_up(workflows: PaymentWorkflows, record: PaymentRecord, terms: PaymentTerms) -> bool:
    """Open the review. False: the centre has no order of this payment, so that nothing can have been paid.

    Raises `PaymentError` UNAVAILABLE.
    """
    logger.error("payment_broken_off", workflow_id=record.order.workflow_id)
    start = reopening(record, terms)
    if start is None:
        return False
    await workflows.reopen(start)
    return True


def broken_off() -> PaymentError:
    """What a caller is told of it."""
    return PaymentError(ErrorCode.IN_REVIEW, "该订单的处理被中断, 需要人工核查, 请联系医院")
