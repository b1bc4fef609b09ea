"""Builds the requests to the centre (protocol 3.2). Every value is a string."""

from typing import Any

from domain.bills import Bill, Diagnosis, FeeLine
from domain.errors import NotSent, Refused, Transaction
from domain.insurance import OrderReference
from domain.orders import Category, Order
from domain.values.china_time import to_china, to_china_compact
from domain.values.fen import yuan
from domain.values.identity import document_of
from gateways.insurance.port import OrderPlacement, RefundRequest
from gateways.insurance.profile import CentreProfile

USE_PERSONAL_ACCOUNT = "1"

FEE_TYPE = "01"
"""Of 6201 and again of 6202. Its code table is unknown; a province's own value goes into `upload_fields`."""

SETTLE_BY_ITEM = "01"

ELECTRONIC_CERTIFICATE = "01"
"""mdtrtCertType: payAuthNo comes from the electronic insurance certificate (电子凭证)."""

NO_OUTSIDE_PRESCRIPTION = "0"
NO_APPROVAL_NEEDED = "0"
VALID = "1"
_MED_TYPES = {Category.OUTPATIENT: "11", Category.REGISTRATION: "12"}

_FROM_HIS = (
    "psnNo",
    "userName",
    "insutype",
    "insuCode",
    "iptOtpNo",
    "deptCode",
    "deptName",
    "caty",
    "mdtrtId",
    "feedetailList",
)
"""The required fields that only HIS can provide. The others are ours, or were checked with the order."""


def upload_fees(order: Order, bill: Bill, chrg_bchno: str, profile: CentreProfile, org_codg: str) -> dict[str, Any]:
    """6201. Raises `Refused` if HIS left out a required field: the centre would refuse it anyway."""
    data = {
        **_person(order, bill),
        "idType": profile.id_type(order.id_no),
        **_visit(bill),
        "orgCodg": org_codg,
        "medOrgOrd": order.med_org_ord,
        "medType": _MED_TYPES[order.category],
        "feeType": FEE_TYPE,
        "medfeeSumamt": yuan(bill.fees.total_fen),
        "acctUsedFlag": USE_PERSONAL_ACCOUNT,
        "psnSetlway": SETTLE_BY_ITEM,
        "chrgBchno": chrg_bchno,
        "rxCircFlag": NO_OUTSIDE_PRESCRIPTION,
        "feedetailList": [_line(line, order, bill, chrg_bchno) for line in bill.fees.lines],
        **profile.upload_fields,
    }
    if not data["idType"]:
        raise Refused(Transaction.UPLOAD_FEES, _not_served(order.id_no))
    if absent := [name for name in _FROM_HIS if not data[name]]:
        raise Refused(Transaction.UPLOAD_FEES, f"医院未提供医保上传必填项: {', '.join(absent)}")
    return data


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


def name_order(
    transaction: Transaction, reference: OrderReference, profile: CentreProfile, org_codg: str
) -> dict[str, str]:
    """6301 and 6401. Raises `NotSent` if the profile has lost the document's idType since the order was placed."""
    id_type = profile.id_type(reference.id_no)
    if id_type is None:
        raise NotSent(transaction, _not_served(reference.id_no))
    return {
        "payOrdId": reference.pay_ord_id,
        "orgCodg": org_codg,
        "payToken": reference.pay_token,
        "idNo": reference.id_no,
        "userName": reference.user_name,
        "idType": id_type,
    }


def refund(request: RefundRequest, profile: CentreProfile) -> dict[str, str]:
    """6203. A reversal's revsToken goes into the profile's field for it. Raises ValueError unless one token is set."""
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


def _person(order: Order, bill: Bill) -> dict[str, str]:
    patient = bill.patient
    return {
        "psnNo": patient.psn_no,
        "insutype": patient.insutype,
        "insuCode": patient.insu_code,
        "iptOtpNo": patient.ipt_otp_no,
        "userName": patient.name,
        "idNo": order.id_no,
        "mdtrtCertType": ELECTRONIC_CERTIFICATE,
        "payAuthNo": order.pay_auth_no,
        "uldLatlnt": order.uld_latlnt,
    }


def _not_served(id_no: str) -> str:
    return f"医保中心的配置没有{document_of(id_no).in_chinese}的证件类型代码(id_types), 请求未发出"


def _visit(bill: Bill) -> dict[str, Any]:
    fees = bill.fees
    main = fees.diagnoses[0] if fees.diagnoses else None
    return {
        "mdtrtId": fees.mdtrt_id,
        "begntime": to_china(fees.began_at),
        "atddrNo": fees.doctor_code,
        "drName": fees.doctor_name,
        "deptCode": fees.department_code,
        "deptName": fees.department_name,
        "caty": fees.caty,
        "diseCodg": main.code if main else "",
        "diseName": main.name if main else "",
        "diseinfoList": [_diagnosis(diagnosis) for diagnosis in fees.diagnoses],
    }


def _diagnosis(diagnosis: Diagnosis) -> dict[str, str]:
    return {
        "diagType": diagnosis.diag_type,
        "diagSrtNo": str(diagnosis.serial),
        "diagCode": diagnosis.code,
        "diagName": diagnosis.name,
        "diagDept": diagnosis.department,
        "diseDorNo": diagnosis.doctor_code,
        "diseDorName": diagnosis.doctor_name,
        "diagTime": to_china(diagnosis.diagnosed_at),
        "valiFlag": VALID,
    }


def _line(line: FeeLine, order: Order, bill: Bill, chrg_bchno: str) -> dict[str, str]:
    return {
        "feedetlSn": line.serial,
        "mdtrtId": bill.fees.mdtrt_id,
        "psnNo": bill.patient.psn_no,
        "chrgBchno": chrg_bchno,
        "rxno": line.order_id,
        "rxCircFlag": NO_OUTSIDE_PRESCRIPTION,
        "feeOcurTime": to_china(line.occurred_at),
        "medListCodg": line.national_code,
        "medinsListCodg": line.hospital_code,
        "medListName": line.name,
        "medListSpc": line.specification,
        "detItemFeeSumamt": yuan(line.amount_fen),
        "cnt": line.quantity,
        "pric": line.unit_price,
        "bilgDeptCodg": line.department_code,
        "bilgDeptName": line.department_name,
        "bilgDrCodg": line.doctor_code,
        "bilgDrName": line.doctor_name,
        "hospApprFlag": NO_APPROVAL_NEEDED,
        "medType": _MED_TYPES[order.category],
    }
