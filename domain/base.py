"""Base classes of all values: immutable, and identified by their payment."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """An immutable value that may travel as a Temporal payload.

    Unknown fields are ignored: payloads only ever gain fields, and each new one has a default.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")


class PaymentKey(Frozen):
    """Identifies one payment: medOrgOrd is unique within a hospital."""

    hospital: str
    med_org_ord: str


class Joined(Frozen):
    """A request to a workflow that several calls may share. `call`: the one that began it; its answer names it again.

    A call that is answered with another one's name has joined, or is told an answer from before it asked.
    """

    of_this_call: ClassVar[frozenset[str]] = frozenset({"call"})
    """The fields that differ between equal requests."""

    call: str = ""


MARK = "▸ "


def for_operators(words: str) -> str:
    """`words` for the Temporal UI, marked as ours. Must not contain personal data, an amount or a token."""
    return MARK + words
