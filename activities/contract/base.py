"""The contract between workflows and activities: names, arguments, results and failures.

The docstring of an activity lists how it may fail: first the error codes of refusals, then not_sent and unknown. An
activity that is declared as `adopted` changes or decides something: its result is kept in our database, in the
transaction that makes it true, and whoever runs the same step again gets that result. The others are questions, which
are always asked anew.
"""

from typing import ClassVar, TypedDict

from domain.base import PaymentKey
from domain.states import PaymentState

MOVED = "MOVED"
"""Type of the failure that a payment's row is elsewhere than its workflow believes. Its detail: a `KnownPayment`."""


NOT_KEPT = "NOT_KEPT"
"""Type of the failure that our database will never take what the other side answered: not tried again."""


class Step(PaymentKey):
    """The fields that every activity's argument starts with. The workflow stamps the last three as it takes the step.

    `revision`: grows with each step. A row keeps the highest, so that a step which finishes after it was given up
    cannot set a payment back. `number`: which of the workflow's steps of this name it is, from 1. `known_state`: the
    payment's state as its workflow knows it; None in a refund, which moves no payment.
    """

    ends: ClassVar[bool] = False
    """Whether it brings the payment towards an end, which is right only in the very state that its workflow knows."""

    revision: int = 0
    number: int = 0
    known_state: PaymentState | None = None

    @property
    def subject(self) -> str:
        """What the step is about, where name and number do not say: another subject makes it another step."""
        return ""


class StepStart(TypedDict):
    """The fields of `Step` that the workflow's part knows, as keyword arguments."""

    hospital: str
    med_org_ord: str
