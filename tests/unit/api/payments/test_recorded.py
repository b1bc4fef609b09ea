"""What a row answers by itself, state by state."""

from datetime import timedelta
from typing import Any

import pytest

from api.payments.recorded import (
    check_same_payment,
    check_same_transaction,
    pre_settle_answer,
    settlement_answer,
    withdrawn_state,
)
from api.payments.schemas import PreSettleData, SettleData
from api.web.models import fields_of
from domain.errors import ErrorCode, PaymentError
from domain.orders import Category, Channel
from domain.states import SETTLED_STATES, STORY, PaymentState
from domain.values.fen import Fen
from storage.records import PaymentRecord
from tests.support.values.orders import outpatient, settle_call
from tests.support.values.records import AT, SETTLEMENT, SPLIT

ORDER = outpatient("M1")
CALL = settle_call(ORDER)
S = PaymentState
UNDECIDED = (S.RECEIVED, S.PRICED, S.FEE_UPLOADED)
PRE_SETTLED = STORY[STORY.index(S.PRE_SETTLED) :]
BAD_ENDS = {
    S.REJECTED: ErrorCode.TOTAL_MISMATCH,
    S.EXPIRED: ErrorCode.EXPIRED,
    S.CANCELLED: ErrorCode.CANCELLED,
    S.REVERSED: ErrorCode.REVERSED,
    S.IN_REVIEW: ErrorCode.IN_REVIEW,
}


def record(state: PaymentState, **facts: Any) -> PaymentRecord:
    known: dict[str, Any] = {
        "order": ORDER,
        "state": state,
        "state_since": AT,
        "accepted_at": AT,
        "updated_at": AT,
        "revision": 1,
        "pay_ord_id": "ORD1",
        "split": SPLIT,
        "balance_fen": Fen(50000),
        "patient_type_id": "310",
        "ipt_otp_no": "M0001",
        "si_personal_no": "P100001",
        "settlement": SETTLEMENT,
    }
    return PaymentRecord(**(known | facts))


class TestInterface1:
    @pytest.mark.parametrize("state", UNDECIDED)
    def test_is_not_answered_before_the_split(self, state: PaymentState) -> None:
        assert pre_settle_answer(record(state, split=None)) is None

    @pytest.mark.parametrize("state", PRE_SETTLED)
    def test_is_answered_again_from_then_on(self, state: PaymentState) -> None:
        answer = pre_settle_answer(record(state))
        assert answer is not None
        data = PreSettleData.of(answer).data()
        assert list(data) == [name for name, _ in fields_of(PreSettleData)]
        assert data == {
            "payOrdId": "ORD1",
            "feeSumamt": "128.50",
            "ownPayAmt": "25.70",
            "psnAcctPay": "25.70",
            "fundPay": "77.10",
            "patientTypeId": "310",
            "iptOtpNo": "M0001",
            "medOrgOrd": "M1",
            "balance": "500.00",
            "siPersonalNo": "P100001",
        }

    def test_has_an_empty_balance_where_the_centre_gave_none(self) -> None:
        answer = pre_settle_answer(record(S.PRE_SETTLED, balance_fen=None))
        assert answer is not None
        assert PreSettleData.of(answer).data()["balance"] == ""

    @pytest.mark.parametrize(("state", "code"), BAD_ENDS.items())
    def test_of_a_dead_payment_is_its_end(self, state: PaymentState, code: ErrorCode) -> None:
        with pytest.raises(PaymentError) as told:
            pre_settle_answer(record(state, error_code=code, error_message="原因"))
        assert (told.value.code, told.value.message) == (code, "原因")

    def test_while_reversing_is_open(self) -> None:
        with pytest.raises(PaymentError, match="PROCESSING"):
            pre_settle_answer(record(S.REVERSING))


class TestInterface2:
    @pytest.mark.parametrize("state", sorted(set(S) - set(BAD_ENDS) - SETTLED_STATES))
    def test_is_the_workflow_s_to_answer_until_the_end(self, state: PaymentState) -> None:
        assert settlement_answer(record(state), CALL) is None

    @pytest.mark.parametrize("state", [S.PARTIALLY_REFUNDED, S.REFUNDED])
    def test_once_refunded_is_answered_as_it_was(self, state: PaymentState) -> None:
        assert settlement_answer(record(state), CALL) == settlement_answer(record(S.SETTLED), CALL)
        assert pre_settle_answer(record(state)) == pre_settle_answer(record(S.SETTLED))

    def test_once_settled_is_answered_again(self) -> None:
        answer = settlement_answer(record(S.SETTLED, visit_id="V1"), CALL)
        assert answer is not None
        data = SettleData.of(answer, AT).data()
        assert list(data) == [name for name, _ in fields_of(SettleData)]
        assert data == {
            "payOrdId": "ORD1",
            "medOrgOrd": "M1",
            "traceTime": "2026-01-05 09:00:00",
            "setlType": "ALL",
            "feeSumamt": "128.50",
            "ownPayAmt": "25.70",
            "psnAcctPay": "25.70",
            "revsToken": "REVS-MARKER-7",
            "fundPay": "77.10",
            "VISIT_ID": "V1",
        }

    def test_leaves_revs_token_out_once_it_no_longer_serves(self) -> None:
        answer = settlement_answer(record(S.SETTLED), CALL)
        assert answer is not None
        deadline = SETTLEMENT.reversal_deadline
        assert SettleData.of(answer, deadline - timedelta(seconds=1)).data()["revsToken"] == "REVS-MARKER-7"
        assert SettleData.of(answer, deadline).data()["revsToken"] == ""

    @pytest.mark.parametrize(
        ("ours", "theirs", "told"), [("V1", None, "V1"), ("V1", "V1", "V1"), (None, "V1", "V1"), (None, None, None)]
    )
    def test_names_the_visit(self, ours: str | None, theirs: str | None, told: str | None) -> None:
        answer = settlement_answer(record(S.SETTLED, visit_id=ours), settle_call(ORDER, visit_id=theirs))
        assert answer is not None
        assert answer.visit_id == told

    def test_of_another_visit_is_a_conflict(self) -> None:
        with pytest.raises(PaymentError, match=r"ORDER_CONFLICT: .*就诊ID\(VISIT_ID\)"):
            settlement_answer(record(S.SETTLED, visit_id="V1"), settle_call(ORDER, visit_id="V2"))

    @pytest.mark.parametrize(("state", "code"), BAD_ENDS.items())
    def test_of_a_dead_payment_is_its_end(self, state: PaymentState, code: ErrorCode) -> None:
        with pytest.raises(PaymentError) as told:
            settlement_answer(record(state, error_code=code, error_message="原因"), CALL)
        assert (told.value.code, told.value.message) == (code, "原因")

    def test_of_an_end_without_a_reason_is_a_person_s(self) -> None:
        with pytest.raises(PaymentError, match=r"IN_REVIEW: .+"):
            settlement_answer(record(S.IN_REVIEW), CALL)


class TestACancel:
    @pytest.mark.parametrize("state", [*UNDECIDED, S.PRE_SETTLED])
    def test_is_the_workflow_s_to_answer_before_the_money(self, state: PaymentState) -> None:
        assert withdrawn_state(record(state)) is None

    def test_that_was_done_is_answered_again(self) -> None:
        assert withdrawn_state(record(S.CANCELLED, error_code=ErrorCode.CANCELLED)) is S.CANCELLED

    @pytest.mark.parametrize("state", [S.PAID, S.REGISTERED, S.SETTLED, S.REVERSING, S.PARTIALLY_REFUNDED, S.REFUNDED])
    def test_of_a_paid_one_loses(self, state: PaymentState) -> None:
        with pytest.raises(PaymentError, match=r"BILL_ALREADY_PAID: .*\(medOrgOrd\)"):
            withdrawn_state(record(state))

    @pytest.mark.parametrize(("state", "code"), [(s, code) for s, code in BAD_ENDS.items() if s is not S.CANCELLED])
    def test_of_a_dead_payment_is_its_end(self, state: PaymentState, code: ErrorCode) -> None:
        with pytest.raises(PaymentError) as told:
            withdrawn_state(record(state, error_code=code, error_message="原因"))
        assert (told.value.code, told.value.message) == (code, "原因")


class TestWhoseOrderItIs:
    @pytest.mark.parametrize(
        ("changes", "title"),
        [
            ({"patient_id": "100002"}, "患者ID(PATIENT_ID)"),
            ({"id_no": "11010119900307109X"}, "身份证号(ID_NO)"),
            ({"category": Category.REGISTRATION, "order_ids": (), "clinic_id": "1"}, "费用类别(CATEGORY)"),
            ({"order_ids": ("300001", "300002")}, "处方ID(ORDER_ID)"),
            ({"total_fen": Fen(12851)}, "总金额(TOTAL)"),
            ({"channel": Channel.ALIPAY}, "渠道(CHANNEL)"),
        ],
    )
    def test_another_transaction_is_a_conflict_by_name(self, changes: dict[str, Any], title: str) -> None:
        with pytest.raises(PaymentError) as told:
            check_same_transaction(record(S.PRE_SETTLED), outpatient("M1", **changes))
        assert told.value.code is ErrorCode.ORDER_CONFLICT
        assert told.value.message == f"医院订单号(medOrgOrd)已用于另一笔交易: {title}不一致"

    def test_a_repeat_with_a_new_authorization_is_not(self) -> None:
        again = outpatient("M1", pay_auth_no="AUTH2", uld_latlnt="0,0", visit_id="V1", patient_name="张三")
        check_same_transaction(record(S.PRE_SETTLED), again)
        assert again.fingerprint_fields() == ORDER.fingerprint_fields()

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"pay_ord_id": "ORD2"}, ErrorCode.ORDER_CONFLICT),
            ({"patient_id": "100002"}, ErrorCode.PATIENT_MISMATCH),
            ({"channel": Channel.ALIPAY}, ErrorCode.ORDER_CONFLICT),
        ],
    )
    def test_a_settle_call_must_be_this_payment_s(self, changes: dict[str, Any], code: ErrorCode) -> None:
        check_same_payment(record(S.PAID), CALL)
        with pytest.raises(PaymentError) as told:
            check_same_payment(record(S.PAID), CALL.model_copy(update=changes))
        assert told.value.code is code

    def test_before_6201_has_answered_no_pay_ord_id_is_wrong(self) -> None:
        unknown = record(S.PRICED, pay_ord_id=None)
        check_same_payment(unknown, CALL)
        assert settlement_answer(unknown, CALL) is None
