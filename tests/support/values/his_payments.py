"""Payments as the workflow hands them to HIS. Made-up people."""

from datetime import UTC, datetime

from domain.insurance import SetlType, Settlement, Split
from domain.orders import Category, HisPayment
from domain.values.fen import Fen


def split_of(total_fen: int) -> Split:
    """The split that the centre simulator makes of a bill, for a person who has enough on the account."""
    fund = total_fen * 60 // 100
    account = (total_fen - fund) // 2
    own = total_fen - fund - account
    return Split(fee_sum_fen=Fen(total_fen), own_pay_fen=Fen(own), psn_acct_fen=Fen(account), fund_fen=Fen(fund))


def his_payment(med_org_ord: str, total_fen: int, **changes: object) -> HisPayment:
    """Patient 100001 has paid prescription 300001, or what `changes` say."""
    at = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
    settlement = Settlement(
        trace_time=at,
        setl_type=SetlType.ALL,
        split=split_of(total_fen),
        revs_token="REVS",
        reversal_deadline=at,
    )
    payment = HisPayment(
        patient_name="张三",
        hospital="main",
        med_org_ord=med_org_ord,
        category=Category.OUTPATIENT,
        patient_id="100001",
        clinic_id=None,
        order_ids=("300001",),
        visit_id=None,
        pay_ord_id="PAY" + med_org_ord,
        patient_type_id="1",
        ipt_otp_no="MZ100001",
        si_personal_no="11010000000000100001",
        balance_fen=Fen(50000),
        settlement=settlement,
    )
    return payment.model_copy(update=changes)


def his_registration(med_org_ord: str, **changes: object) -> HisPayment:
    """Patient 100001 has paid for clinic 200001, 25.00."""
    facts = {"category": Category.REGISTRATION, "order_ids": (), "clinic_id": "200001"}
    return his_payment(med_org_ord, 2500, **(facts | changes))
