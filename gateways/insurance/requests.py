"""The data of 6202, 6203, 6301 and 6401 (protocol 3.2), every value a string. 6201's is in `upload`."""

from domain.china_time import to_china_compact
from domain.fen import yuan
from domain.insurance import OrderReference
from gateways.insurance.port import OrderPlacement, RefundRequest
from gateways.insurance.profile import CentreProfile

IDENTITY_CARD = "01"
"""idType and, in 6201, the only kind of document that interface 1 takes."""

USE_PERSONAL_ACCOUNT = "1"
FEE_TYPE = "01"
"""Sent with 6201 and again with 6202. Its code table is unknown: a province's own value stands in `upload_fields`."""


def place_order(placement: OrderPlacement, profile: CentreProfile, org_codg: str) -> dict[str, str]:
    """6202."""
    return {
        "payAuthNo": placement.pay_auth_no,
        "payOrdId": placement.uploaded.pay_ord_id,
        "payToken": placement.uploaded.pay_token,
        "orgCodg": org_codg,
        "orgBizSer": placement.org_biz_ser,
        "chrgBchno": placement.chrg_bchno,
        "feeType": profile.upload_fields.get("feeType", FEE_TYPE),
        "mdtrtId": placement.uploaded.mdtrt_id,
        "acctUsedFlag": USE_PERSONAL_ACCOUNT,
    }


def name_order(reference: OrderReference, org_codg: str) -> dict[str, str]:
    """6301 and 6401."""
    return {
        "payOrdId": reference.pay_ord_id,
        "orgCodg": org_codg,
        "payToken": reference.pay_token,
        "idNo": reference.id_no,
        "userName": reference.user_name,
        "idType": IDENTITY_CARD,
    }


def refund(request: RefundRequest, profile: CentreProfile) -> dict[str, str]:
    """6203. A reversal's revsToken goes into the slot that the profile names. Raises ValueError without one token."""
    if bool(request.revs_token) == bool(request.pay_auth_no):
        raise ValueError("6203 takes exactly one of revs_token and pay_auth_no")
    slot = profile.reversal_token_field if request.revs_token else "payAuthNo"
    return {
        "payOrdId": request.pay_ord_id,
        "appRefdSn": request.app_refd_sn,
        "appRefdTime": to_china_compact(request.requested_at),
        "totlRefdAmt": yuan(request.total_fen),
        "psnAcctRefdAmt": yuan(request.parts.psn_acct_fen),
        "fundRefdAmt": yuan(request.parts.fund_fen),
        "cashRefdAmt": yuan(request.parts.own_pay_fen),
        slot: request.revs_token or request.pay_auth_no,
        "refdType": request.refund_type.value,
        "expContent": request.reason,
    }
