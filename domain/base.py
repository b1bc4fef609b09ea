"""What every value here is made of: immutable, and known by its payment."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """An immutable value that may cross a workflow's border.

    A field of a later release is ignored: payloads only ever gain fields, and each new one has a default.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")


class PaymentKey(Frozen):
    """One payment: medOrgOrd is unique within a hospital."""

    hospital: str
    med_org_ord: str


MARK = "▸ "


def for_operators(words: str) -> str:
    """`words`, marked as written by us for the Temporal UI. Never put a person, an amount or a token into them."""
    return MARK + words
