"""Interface 2's rules."""

import json

import pytest

from api.payments.schemas import SettleCall, check_visit_id
from api.web.body import parse_fields
from api.web.models import title_of
from domain.errors import ErrorCode, PaymentError
from domain.orders import Channel, Registers, SettleRequest
from tests.support.stack.api_server import writing_back
from tests.support.values.orders import outpatient, registration


def read(**changes: object) -> SettleRequest:
    return SettleCall.read(parse_fields(json.dumps(writing_back(**changes)))).request("main")


class TestACall:
    def test_is_read(self) -> None:
        assert read(CHANNEL="Alipay", PATIENT_ID=100001) == SettleRequest(
            hospital="main",
            med_org_ord="M1",
            pay_ord_id="ORD1",
            patient_id="100001",
            visit_id="V1",
            channel=Channel.ALIPAY,
        )

    def test_may_leave_out_visit_and_channel(self) -> None:
        request = read(VISIT_ID=" ")
        assert (request.visit_id, request.channel) == (None, None)

    @pytest.mark.parametrize("name", ["payOrdId", "PATIENT_ID", "medOrgOrd"])
    def test_names_what_is_missing(self, name: str) -> None:
        title = title_of(SettleCall, name)
        with pytest.raises(PaymentError) as refused:
            read(**{name: ""})
        assert (refused.value.code, refused.value.message) == (ErrorCode.MISSING_FIELD, f"{title}不能为空")

    @pytest.mark.parametrize(
        ("name", "value"), [("payOrdId", "x" * 129), ("VISIT_ID", []), ("medOrgOrd", "a b"), ("CHANNEL", "Cash")]
    )
    def test_names_what_is_invalid(self, name: str, value: object) -> None:
        with pytest.raises(PaymentError, match=f"INVALID_FIELD: .*\\({name}\\)"):
            read(**{name: value})


class TestVisitId:
    def test_may_be_left_out_where_we_register(self) -> None:
        check_visit_id(read(VISIT_ID=None), registration("M1"), Registers.MEDPAY)
        with pytest.raises(PaymentError, match=r"MISSING_FIELD: 就诊ID\(VISIT_ID\)不能为空"):
            check_visit_id(read(VISIT_ID=None), registration("M1"), Registers.CALLER)

    @pytest.mark.parametrize("registers", list(Registers))
    def test_is_demanded_of_a_bill(self, registers: Registers) -> None:
        check_visit_id(read(), outpatient("M1"), registers)
        with pytest.raises(PaymentError, match="MISSING_FIELD"):
            check_visit_id(read(VISIT_ID=None), outpatient("M1"), registers)
