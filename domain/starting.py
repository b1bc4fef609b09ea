"""How a payment's workflow starts: with an order, or once more after it was closed."""

from datetime import datetime

from domain.bills import Patient
from domain.insurance import UploadedFees
from domain.orders import Frozen, Order, PaymentTerms
from domain.states import PaymentState
from domain.steps import PaymentEnd, PreSettlement, Settlement


class Reopened(Frozen):
    """A payment whose workflow is closed, as our row has it. Without `pre_settlement` it had no split, without
    `uploaded` no order at the centre: then nothing can have been paid.

    It ended unpaid, and there is word of money (product rule 8); or it had not ended, and somebody terminated it.
    """

    accepted_at: datetime
    state: PaymentState
    state_since: datetime
    end: PaymentEnd
    revision: int
    patient: Patient
    uploaded: UploadedFees | None
    pre_settlement: PreSettlement | None
    visit_id: str | None
    visit_is_ours: bool = False
    settlement: Settlement | None = None


class PaymentStart(Frozen):
    """The workflow's one argument."""

    order: Order
    terms: PaymentTerms
    reopened: Reopened | None = None
