"""Ids that leave the house are derived, never minted on each try (product rule 5): a repeat carries the same ones."""


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
