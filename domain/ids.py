"""Ids that leave the house are derived, never minted on each try (product rule 5): a repeat carries the same ones."""

import re

from domain.base import PaymentKey


def charge_batch_no(med_org_ord: str) -> str:
    """chrgBchno of 6201, the same again in 6202."""
    return med_org_ord


def business_serial(med_org_ord: str, placement: int) -> str:
    """orgBizSer: new on every 6202. `placement` counts them from 1, and is stored before the call."""
    return f"{med_org_ord}-{placement}"


def reversal_no(med_org_ord: str) -> str:
    """appRefdSn of the one reversal that a payment can have."""
    return f"{med_org_ord}-REV"


def review_refund_no(med_org_ord: str) -> str:
    """appRefdSn, and HIS's refundNo, of the one refund that a payment's review can decide on."""
    return f"{med_org_ord}-RVW"


def refund_sn(med_org_ord: str, refund_no: str) -> str:
    """appRefdSn of a refund: the centre knows a repeat by it. medOrgOrd holds no colon, so no two are alike."""
    return f"{med_org_ord}:{refund_no}"


def payment_workflow_id(hospital: str, med_org_ord: str) -> str:
    return f"payment-{hospital}-{med_org_ord}"


def refund_workflow_id(key: PaymentKey, refund_no: str) -> str:
    return f"refund-{key.hospital}-{key.med_org_ord}:{refund_no}"


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
