"""Every workflow of ours: a history of any of them can be replayed."""

from workflows.notification import NotificationWorkflow
from workflows.payment import PaymentWorkflow
from workflows.refund import RefundWorkflow

KNOWN = (PaymentWorkflow, RefundWorkflow, NotificationWorkflow)
