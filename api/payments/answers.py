"""DATA of the two interfaces: every value a string, amounts in yuan with two decimals, in the documented order."""

from collections.abc import Mapping
from datetime import datetime

from domain.china_time import to_china
from domain.fen import yuan
from domain.orders import PreSettleAnswer, SettlementAnswer

PRE_SETTLE_DATA: Mapping[str, str] = {
    "payOrdId": "医保订单号",
    "feeSumamt": "费用总额(元)",
    "ownPayAmt": "现金支付金额(元)",
    "psnAcctPay": "个人账户支付金额(元)",
    "fundPay": "统筹基金支付金额(元)",
    "patientTypeId": "患者类型ID",
    "iptOtpNo": "门诊号",
    "medOrgOrd": "医院订单号",
    "balance": "个人账户余额(元), 支付前; 医保中心未返回时为空",
    "siPersonalNo": "医保个人编号",
}
"""Interface 1's answer: its fields, in order, and what they mean."""

SETTLE_DATA: Mapping[str, str] = {
    "payOrdId": "医保订单号",
    "medOrgOrd": "医院订单号",
    "traceTime": "医保结算时间, yyyy-MM-dd HH:mm:ss, 北京时间",
    "setlType": "结算类型: ALL 现金与医保, CASH 仅现金, HI 仅医保",
    "feeSumamt": "费用总额(元)",
    "ownPayAmt": "现金支付金额(元)",
    "psnAcctPay": "个人账户支付金额(元)",
    "revsToken": "冲正令牌, 自traceTime起1小时有效, 过期后为空",
    "fundPay": "统筹基金支付金额(元)",
    "VISIT_ID": "就诊ID; 挂号由支付服务登记时, 在此给出",
}
"""Interface 2's answer: its fields, in order, and what they mean."""


def pre_settle_data(answer: PreSettleAnswer) -> dict[str, str]:
    """Interface 1's DATA."""
    split = answer.split
    return {
        "payOrdId": answer.pay_ord_id,
        "feeSumamt": yuan(split.fee_sum_fen),
        "ownPayAmt": yuan(split.own_pay_fen),
        "psnAcctPay": yuan(split.psn_acct_fen),
        "fundPay": yuan(split.fund_fen),
        "patientTypeId": answer.patient_type_id,
        "iptOtpNo": answer.ipt_otp_no,
        "medOrgOrd": answer.med_org_ord,
        "balance": "" if answer.balance_fen is None else yuan(answer.balance_fen),
        "siPersonalNo": answer.si_personal_no,
    }


def settle_data(answer: SettlementAnswer, now: datetime) -> dict[str, str]:
    """Interface 2's DATA. revsToken is answered only while it serves (product rule 12)."""
    settlement, split = answer.settlement, answer.settlement.split
    return {
        "payOrdId": answer.pay_ord_id,
        "medOrgOrd": answer.med_org_ord,
        "traceTime": to_china(settlement.trace_time),
        "setlType": settlement.setl_type.value,
        "feeSumamt": yuan(split.fee_sum_fen),
        "ownPayAmt": yuan(split.own_pay_fen),
        "psnAcctPay": yuan(split.psn_acct_fen),
        "revsToken": settlement.revs_token if now < settlement.reversal_deadline else "",
        "fundPay": yuan(split.fund_fen),
        "VISIT_ID": answer.visit_id or "",
    }
