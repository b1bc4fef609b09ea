"""Ids that we send out are derived, never generated per attempt: a repeat carries the same ones (product rule 5)."""

import re

from domain.base import PaymentKey


def charge_batch_no(med_org_ord: str) -> str:
    """chrgBchno of 6201 and 6202."""
    return med_org_ord


def business_serial(med_org_ord: str, placement: int) -> str:
    """orgBizSer, which must be new on every 6202. `placement` counts those calls from 1 and is stored before each."""
    return f"{med_org_ord}-{placement}"


def reversal_no(med_org_ord: str) -> str:
    """appRefdSn of a payment's only reversal (6203 with revsToken)."""
    return f"{med_org_ord}-REV"


def review_refund_no(med_org_ord: str) -> str:
    """appRefdSn, and HIS's refundNo, of the only refund that a payment's review can decide on."""
    return f"{med_org_ord}-RVW"


def refund_sn(med_org_ord: str, refund_no: str) -> str:
    """appRefdSn of a refund, by which the centre recognises a repeat. Unique, since medOrgOrd contains no colon."""
    return f"{med_org_ord}:{refund_no}"


def payment_workflow_id(hospital: str, med_org_ord: str) -> str:
    return f"payment-{hospital}-{med_org_ord}"


def refund_workflow_id(key: PaymentKey, refund_no: str) -> str:
    return f"refund-{key.hospital}-{key.med_org_ord}:{refund_no}"


_WORKFLOW_ID = re.compile(r"(?P<kind>payment|refund|notify)-(?P<hospital>[a-z0-9_]{1,32})-(?P<number>.+)", re.ASCII)


def hospital_of(workflow_id: str) -> str | None:
    """The hospital of a payment, refund or notification workflow; None for any other id."""
    match = _WORKFLOW_ID.fullmatch(workflow_id)
    return match and match["hospital"]


def payment_of(workflow_id: str) -> PaymentKey | None:
    """The payment of a payment's or refund's workflow; None for any other id."""
    match = _WORKFLOW_ID.fullmatch(workflow_id)
    if match is None or match["kind"] == "notify":
        return None
    return PaymentKey(hospital=match["hospital"], med_org_ord=match["number"].partition(":")[0])


def is_of(workflow_id: str, key: PaymentKey) -> bool:
    """Whether the workflow is this payment itself, or one of its refunds."""
    return workflow_id == payment_workflow_id(key.hospital, key.med_org_ord) or workflow_id.startswith(
        refund_workflow_id(key, "")
    )


def is_about(workflow_id: str, med_org_ord: str) -> bool:
    """Whether the workflow is the payment itself, one of its refunds, or a notification about it.

    A notification's id does not show where medOrgOrd ends, so it counts for every medOrgOrd that fits.
    """
    match = _WORKFLOW_ID.fullmatch(workflow_id)
    if match is None:
        return False
    if match["kind"] == "notify":
        return re.fullmatch(rf"{re.escape(med_org_ord)}(-\d+){{1,2}}", match["number"]) is not None
    return match["number"].partition(":")[0] == med_org_ord
