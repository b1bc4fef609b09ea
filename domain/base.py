"""Base classes of all values: immutable, and identified by their payment."""

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


MARK = "▸ "


def for_operators(words: str) -> str:
    """`words` for the Temporal UI, marked as ours. Must not contain personal data, an amount or a token."""
    return MARK + words
