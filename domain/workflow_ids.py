"""What a workflow's id says: whose it is. Hospitals' ids hold no hyphen, so no two readings are possible."""

import re

_OURS = re.compile(r"(?P<kind>payment|refund|notify)-(?P<hospital>[a-z0-9_]{1,32})-(?P<number>.+)", re.ASCII)


def hospital_of(workflow_id: str) -> str | None:
    """The hospital of a payment's, a refund's or a notification's workflow; None for what is none of these."""
    ours = _OURS.fullmatch(workflow_id)
    return ours and ours["hospital"]


def is_about(workflow_id: str, med_org_ord: str) -> bool:
    """Whether it is the payment's own workflow, or that of a refund of it or a notification about it.

    A notification's id does not say where the order's number ends: it is about each that it may be.
    """
    ours = _OURS.fullmatch(workflow_id)
    if ours is None:
        return False
    if ours["kind"] == "notify":
        return re.fullmatch(rf"{re.escape(med_org_ord)}(-\d+){{1,2}}", ours["number"]) is not None
    return ours["number"].partition(":")[0] == med_org_ord
