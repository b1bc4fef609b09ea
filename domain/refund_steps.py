"""What the refund's workflow asks of its activities, and what it is told. `revision` counts its requests."""

from domain.errors import ErrorCode
from domain.fen import Fen
from domain.insurance import OrderReference, RefundType
from domain.orders import Category, Frozen
from domain.refunds import CashRefundedBy, RefundOrder, RefundParts, RefundVerdict, state_after
from domain.states import RefundState
from domain.steps import Step


class ReserveRefund(Step):
    """Take the parts out of what may still go back. `last_try`: another refund under way is then a refusal."""

    order: RefundOrder
    cash_refunded_by: CashRefundedBy
    last_try: bool


class Reserved(Frozen):
    """What is reserved. `before`: what had gone back of `paid` until then. The rest is to ask the other sides by."""

    reference: OrderReference
    paid: RefundParts
    before: RefundParts
    parts: RefundParts
    category: Category
    patient_id: str

    @property
    def after(self) -> RefundParts:
        return self.before.plus(self.parts)

    @property
    def good_end(self) -> RefundState:
        """The state of refund and payment once the money is back."""
        return state_after(self.paid, self.after)


class RefundStep(Step):
    """A step of a refund whose parts are reserved."""

    refund_no: str
    reserved: Reserved


class RefundMoney(RefundStep):
    """6203, asking 6301 first wherever an earlier one may have arrived; records the good end.

    `sends_max`: how many 6203 of this refund may arrive in all, those of earlier steps included.
    """

    refund_type: RefundType
    pay_auth_no: str
    reason: str
    sends_max: int


class RefundMade(Frozen):
    """The money went back. `refd_sn` is the centre's number, empty where only 6301 said so."""

    refd_sn: str


class AskRefund(RefundStep):
    """6301. `record`: whether a refund that was made is recorded as such, or only looked at."""

    record: bool


class RefundLook(Frozen):
    """What 6301 says of a refund."""

    ord_stas: int
    verdict: RefundVerdict


class RefundEnd(Frozen):
    """Where a refund came to by no call's success. `note`: an operator's word. Never personal data."""

    state: RefundState
    code: ErrorCode | None = None
    message: str = ""
    note: str = ""


class EndRefund(Step):
    """Write `end`. REFUND_FAILED gives the reservation back; IN_REVIEW opens a case, every other end closes it."""

    refund_no: str
    end: RefundEnd


class TellHis(Step):
    """Tell HIS of a refund, and record that it was told. HIS knows a repeat by `refund_no`."""

    refund_no: str
    total_fen: Fen
