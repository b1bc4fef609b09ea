"""Steps with our own records alone: bill locks, ends, reviews."""

from abc import ABC, abstractmethod
from datetime import datetime

from activities.contract.base import Step
from activities.reporting import Activities, declared
from domain.base import Frozen
from domain.errors import ErrorCode, Outcome, Transaction
from domain.insurance import Settlement, Split
from domain.orders import KnownPayment, Order, PaymentEnd
from domain.reviews import CaseEvent, CommandVerdict, ReviewAction
from domain.states import PaymentState


class WithdrawHolder(Step):
    """Ask the payment that holds our bill lock to withdraw: by 6301, and 6401 if it is not paid."""

    holder: str


class LockBills(Step):
    """Lock the order's bills after their holder has withdrawn."""

    order: Order
    accepted_at: datetime
    payable_s: int


class LockedBills(Frozen):
    """`held_by`: the medOrgOrd of another live payment that holds one of the bills. None: they are locked for us."""

    held_by: str | None = None


class RecordEnd(Step):
    """Record an end, or IN_REVIEW, that no remote call has recorded."""

    ends = True

    order: Order
    accepted_at: datetime
    end: PaymentEnd

    @property
    def subject(self) -> str:
        return f"{self.end.state.value} {self.end.code.value} {self.end.note}"


class RecordReversing(Step):
    """Record REVERSING before the money is sent back. `message`: for the caller once it is back."""

    ends = True

    message: str


class RecordLook(Frozen):
    """Our row. `booking_sent`: whether a `register` or `settle` left whose outcome is unknown."""

    state: PaymentState
    booking_sent: bool = False


class UseCommand(Step):
    """Use the number of a person's command, which the update `update_id` of the running run has brought."""

    command: str
    expires_at: datetime
    update_id: str


class NoteCase(Step):
    """Record what somebody did with a case. `refund_no`: empty if the payment itself is under review.

    `proposal`: the id of the proposal that it is about; empty for what one person does alone.
    """

    refund_no: str = ""
    event: CaseEvent
    action: ReviewAction
    by: str
    reason: str
    at: datetime
    proposal: str = ""


class ResolveCase(Step):
    """Take a payment out of review: to PAID, to be booked next, or to SETTLED. Fields that are None are not written.

    `bills`: to be locked again, since an earlier end may have released them (product rule 3).
    """

    ends = True

    state: PaymentState
    settlement: Settlement | None
    split: Split | None = None
    settlement_no: str | None = None
    visit_id: str | None = None
    bills: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        return self.state.value


class GiveUp(Step):
    """Give up a step whose attempts have told nothing: `given_up` is its name, the rest as in `Step`.

    `transaction`: what it sends.
    """

    given_up: str
    of_number: int
    of_subject: str
    transaction: Transaction
    carries: str | None = None


class GivenUp(Frozen):
    """What our database knows of the step, and will never know otherwise unless it is UNKNOWN.

    NOT_SENT: its call did not leave, and never will. `result`: of a step that is done, as JSON.
    """

    outcome: Outcome
    result: str | None = None


class BillLockActivities(Activities, ABC, refused_as=ErrorCode.BILL_ALREADY_PAID):
    """A payment's bill locks, and the other payment that holds one of them."""

    @declared("lock_bills", adopted=True)
    @abstractmethod
    async def lock_bills(self, step: LockBills) -> LockedBills:
        """Only failures of our database, which are repeated."""

    @declared("withdraw_holder")
    @abstractmethod
    async def withdraw_holder(self, step: WithdrawHolder) -> None:
        """BILL_ALREADY_PAID if the holder is paid or under review; unknown while it is undecided."""


class RecordActivities(Activities, ABC):
    """Our own records."""

    @declared("record_end", adopted=True)
    @abstractmethod
    async def record_end(self, step: RecordEnd) -> None:
        """Only failures of our database, which are repeated."""

    @declared("record_reversing", adopted=True)
    @abstractmethod
    async def record_reversing(self, step: RecordReversing) -> None:
        """Only failures of our database, which are repeated."""

    @declared("look_at_record")
    @abstractmethod
    async def look_at_record(self, step: Step) -> RecordLook:
        """Only failures of our database, which are repeated; `MOVED` if the workflow must follow its row."""

    @declared("give_up_step")
    @abstractmethod
    async def give_up(self, step: GiveUp) -> GivenUp:
        """The step's own refusal, if it was refused; failures of our database, which are repeated."""

    @declared("known_payment")
    @abstractmethod
    async def known_payment(self, step: Step) -> KnownPayment:
        """Our row, from which a new run goes on. Only failures of our database, which are repeated."""

    @declared("use_command")
    @abstractmethod
    async def use_command(self, step: UseCommand) -> CommandVerdict:
        """Whether a person's command may be followed; the same for the same update of the same run.

        Only failures of our database, which are repeated.
        """

    @declared("record_case_event")
    @abstractmethod
    async def record_case_event(self, step: NoteCase) -> None:
        """Only failures of our database, which are repeated. A repeat adds nothing."""

    @declared("record_resolution", adopted=True)
    @abstractmethod
    async def record_resolution(self, step: ResolveCase) -> None:
        """BILL_ALREADY_PAID if another payment holds the bill by now; nothing is written then."""
