"""How a payment's workflow starts: with an order, or once more after its end, when money came late."""

from datetime import datetime

from domain.bills import Patient
from domain.insurance import UploadedFees
from domain.orders import Frozen, Order, PaymentTerms
from domain.states import PaymentState
from domain.steps import PaymentEnd, PreSettlement


class Reopened(Frozen):
    """A payment that had ended unpaid, as our row has it (product rule 8). Without `pre_settlement` it had no split."""

    accepted_at: datetime
    state: PaymentState
    state_since: datetime
    end: PaymentEnd
    revision: int
    patient: Patient
    uploaded: UploadedFees
    pre_settlement: PreSettlement | None
    visit_id: str | None


class PaymentStart(Frozen):
    """The workflow's one argument."""

    order: Order
    terms: PaymentTerms
    reopened: Reopened | None = None
