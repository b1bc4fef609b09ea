"""The contract between workflows and activities: names, arguments, results and failures.

The docstring of an activity lists how it may fail: first the error codes of refusals, then not_sent and unknown. An
activity that is declared as `adopted` changes or decides something: its result is kept in our database, in the
transaction that makes it true, and whoever runs the same step again gets that result. The others are questions, which
are always asked anew.
"""

from enum import StrEnum
from typing import ClassVar, Generic, Self, TypedDict, TypeVar

from domain.base import Frozen, PaymentKey
from domain.errors import ErrorCode
from domain.orders import KnownPayment
from domain.states import PaymentState

R = TypeVar("R")

MOVED = "MOVED"
"""Type of a final failure: the payment's row is elsewhere than its workflow believes. Its detail: a `KnownPayment`."""

NOT_KEPT = "NOT_KEPT"
"""Type of a final failure: our database will never take what the other side answered."""

GIVEN_UP = "GIVEN_UP"
"""Type of a final failure: the step was given up before its call was sent, and will never send it."""

OTHER_RUN = "OTHER_RUN"
"""Type of the failure that a step was taken for another run of its workflow: a reset passes on what had begun."""


class Step(PaymentKey):
    """The fields that every activity's argument starts with. The workflow stamps all but the first two.

    `revision`: grows with each step. A row keeps the highest, so that a step which finishes after it was given up
    cannot set a payment back. `known_state`: the payment's state as its workflow knows it; None in a refund, which
    moves no payment. `name` and `number`: the activity, and which of the workflow's steps of this name it is, from 1.
    `run_id`: the run that takes it. An activity runs for this step alone, so that a sealed step is of no use elsewhere.
    """

    ends: ClassVar[bool] = False
    """Whether it brings the payment towards an end, which is right only in the very state that its workflow knows."""

    revision: int = 0
    number: int = 0
    known_state: PaymentState | None = None
    name: str = ""
    run_id: str = ""

    @property
    def subject(self) -> str:
        """What the step is about, where name and number do not say: another subject makes it another step."""
        return ""

    @property
    def sent_as(self) -> str | None:
        """Our id that the step's call carries, where its transaction alone does not tell it from others."""
        return None


class FailureKind(StrEnum):
    """How a step may fail for good."""

    REFUSED = "refused"
    """The other side, or one of our rules, said no."""
    MOVED = "moved"
    """The payment's row is elsewhere than its workflow believes. `known`: where."""
    NOT_KEPT = "not_kept"
    """Our database will never take what the other side answered."""
    GIVEN_UP = "given_up"
    """It was given up before its call was sent, and will never send it."""
    UNKNOWN = "unknown"
    """Nobody can say what became of it, and trying again would not tell."""


class StepFailure(Frozen):
    """Why a step failed for good. `message`: for the caller. `note`: for operators."""

    kind: FailureKind
    code: ErrorCode | None = None
    message: str = ""
    note: str = ""
    known: KnownPayment | None = None


class StepResult(Frozen, Generic[R]):
    """What an activity returns: the result or final failure of one step, which it names.

    Whoever reaches Temporal can complete an activity, or let it fail. So only what is sealed counts, and only for the
    step that it names; a failure that is raised says nothing but that the step is not known to be done.
    """

    name: str = ""
    number: int = 0
    value: R | None = None
    failure: StepFailure | None = None

    @classmethod
    def in_place_of_refused(cls) -> Self:
        """The result that somebody else wrote: it is of no step."""
        return cls()


class StepStart(TypedDict):
    """The fields of `Step` that the workflow's part knows, as keyword arguments."""

    hospital: str
    med_org_ord: str
