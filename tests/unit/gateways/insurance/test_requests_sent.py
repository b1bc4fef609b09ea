"""What arrives at the centre: every required field of each transaction, every scalar a string, nothing empty."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.bills import Bill, Diagnosis
from domain.errors import NotSent, Refused
from domain.values.fen import Fen
from domain.values.identity import Document
from gateways.insurance.client import HttpInsuranceCentre
from gateways.insurance.port import InsuranceCentre
from tests.support.parties.centre_stub import CentreStub, centre_stub
from tests.support.values.centres import PLACEMENT, REFERENCE, REVERSAL
from tests.support.values.orders import bill_of, outpatient, registration
from tests.support.values.people import ID_TYPES, NUMBERS

Both = tuple[CentreStub, HttpInsuranceCentre]
UPLOADED = {"payOrdId": "ORD1", "payToken": "PT1"}
# fmt: off
REQUIRED_6201 = {
    "orgCodg", "psnNo", "insutype", "medOrgOrd", "begntime", "idNo", "userName", "idType", "payAuthNo",
    "insuCode", "iptOtpNo", "deptCode", "deptName", "caty", "mdtrtId", "medType", "feeType", "medfeeSumamt",
    "acctUsedFlag", "psnSetlway", "chrgBchno", "uldLatlnt", "mdtrtCertType", "feedetailList",
}
# fmt: on


@pytest.fixture
async def both() -> AsyncIterator[Both]:
    async with centre_stub() as pair:
        yield pair


def bill_with_diagnosis() -> Bill:
    bill = bill_of(outpatient("M1"))
    diagnosis = Diagnosis(
        diag_type="1",
        serial=1,
        code="J00",
        name="急性鼻咽炎",
        department="内科",
        doctor_code="DR1",
        doctor_name="李医生",
        diagnosed_at=datetime(2026, 1, 4, 23, 59, 59, tzinfo=UTC),
    )
    two_lines = (bill.fees.lines[0], bill.fees.lines[0].model_copy(update={"serial": "2", "amount_fen": Fen(5)}))
    fees = bill.fees.model_copy(update={"diagnoses": (diagnosis,), "lines": two_lines})
    return bill.model_copy(update={"fees": fees})


def only_filled_strings(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        return bool(value) and all(map(only_filled_strings, value.values()))
    if isinstance(value, list):
        return bool(value) and all(map(only_filled_strings, value))
    return type(value) is str and value != ""


class TestFeeUpload:
    async def test_every_required_field_of_an_outpatient_bill(self, both: Both) -> None:
        stub, centre = both
        stub.data = UPLOADED
        await centre.upload_fees(outpatient("M1"), bill_with_diagnosis(), "M1")
        asked = stub.asked
        assert set(asked) >= REQUIRED_6201
        assert only_filled_strings(asked)
        assert (
            asked
            | {
                "orgCodg": "H14010000001",
                "medOrgOrd": "M1",
                "chrgBchno": "M1",
                "idType": "01",
                "psnSetlway": "01",
                "acctUsedFlag": "1",
                "medType": "11",
                "payAuthNo": "AUTHM1",
                "uldLatlnt": "116.40,39.90",
                "begntime": "2026-01-05 09:00:00",
                "medfeeSumamt": "128.55",
                "diseCodg": "J00",
            }
            == asked
        )

    async def test_diagnoses_and_fee_lines(self, both: Both) -> None:
        stub, centre = both
        stub.data = UPLOADED
        await centre.upload_fees(outpatient("M1"), bill_with_diagnosis(), "M1")
        (diagnosis,) = stub.asked["diseinfoList"]
        assert diagnosis["diagCode"] == "J00"
        assert diagnosis["diagTime"] == "2026-01-05 07:59:59"
        first, second = stub.asked["feedetailList"]
        assert (first["detItemFeeSumamt"], second["detItemFeeSumamt"]) == ("128.50", "0.05")
        assert first["chrgBchno"] == stub.asked["chrgBchno"]
        assert first["rxno"] == "300001"
        assert first["feeOcurTime"] == "2026-01-05 09:00:00"
        assert "medListSpc" not in first

    async def test_a_registration(self, both: Both) -> None:
        stub, centre = both
        stub.data = UPLOADED
        order = registration("M2")
        await centre.upload_fees(order, bill_of(order), "M2")
        assert stub.asked["medType"] == "12"
        assert "diseinfoList" not in stub.asked

    @pytest.mark.parametrize("field", ["psn_no", "insutype", "insu_code", "ipt_otp_no", "name"])
    async def test_what_his_left_out_is_said_before_anything_is_sent(self, both: Both, field: str) -> None:
        stub, centre = both
        bill = bill_of(outpatient("M1"))
        patient = bill.patient.model_copy(update={field: ""})
        with pytest.raises(Refused, match="必填项"):
            await centre.upload_fees(outpatient("M1"), bill.model_copy(update={"patient": patient}), "M1")
        assert stub.requests == []

    async def test_a_provinces_own_constants(self) -> None:
        own = {"feeType": "09", "pubHospRfomFlag": "1"}
        async with centre_stub(upload_fields=own) as (stub, centre):
            stub.data = UPLOADED
            await centre.upload_fees(outpatient("M1"), bill_of(outpatient("M1")), "M1")
            assert stub.asked | own == stub.asked
            stub.data = {}
            stub.head = {"code": 1}
            with pytest.raises(Refused):
                await centre.place_order(PLACEMENT)
            assert stub.asked["feeType"] == "09"


class TestDocuments:
    """idType is the profile's for the number's document."""

    @pytest.mark.parametrize("document", Document)
    async def test_in_every_transaction_that_names_a_person(self, document: Document) -> None:
        number = NUMBERS[document]
        order, reference = outpatient("M1", id_no=number), REFERENCE.model_copy(update={"id_no": number})
        async with centre_stub(id_types=ID_TYPES) as (stub, centre):
            stub.data = UPLOADED
            await centre.upload_fees(order, bill_of(order), "M1")
            uploaded = stub.asked
            stub.data = {"payOrdId": "ORD1", "ordStas": "12"}
            await centre.query_order(reference)
            queried = stub.asked
            await centre.revoke_order(reference)
        for asked in (uploaded, queried, stub.asked):
            assert (asked["idNo"], asked["idType"]) == (number, ID_TYPES[document])

    async def test_one_without_a_code_is_not_sent(self, both: Both) -> None:
        """The API refuses it at once; here for an order that was placed before the table lost its code."""
        stub, centre = both
        order = outpatient("M1", id_no=NUMBERS[Document.RESIDENCE_PERMIT_TAIWAN])
        with pytest.raises(Refused, match="台湾居民居住证"):
            await centre.upload_fees(order, bill_of(order), "M1")
        reference = REFERENCE.model_copy(update={"id_no": order.id_no})
        for call in (centre.query_order, centre.revoke_order):
            with pytest.raises(NotSent, match="台湾居民居住证"):
                await call(reference)
        assert stub.requests == []


class TestOtherTransactions:
    async def test_6202(self, both: Both) -> None:
        stub, centre = both
        stub.head = {"code": 1}
        with pytest.raises(Refused):
            await centre.place_order(PLACEMENT)
        assert stub.asked == {
            "payAuthNo": "AUTH1",
            "payOrdId": "ORD1",
            "payToken": "PT1",
            "orgCodg": "H14010000001",
            "orgBizSer": "M1-1",
            "chrgBchno": "M1",
            "feeType": "01",
            "mdtrtId": "MD1",
            "acctUsedFlag": "1",
        }

    async def test_6301_and_6401(self, both: Both) -> None:
        stub, centre = both
        stub.data = {"payOrdId": "ORD1", "ordStas": "12"}
        await centre.query_order(REFERENCE)
        await centre.revoke_order(REFERENCE)
        assert stub.requests[0] == stub.requests[1]
        assert stub.asked == {
            "payOrdId": "ORD1",
            "orgCodg": "H14010000001",
            "payToken": "PT1",
            "idNo": "110101199003070134",
            "userName": "张三",
            "idType": "01",
        }

    async def test_6203_as_a_reversal(self, both: Both) -> None:
        stub, centre = both
        stub.data = {"refStatus": "SUCC", "refdSn": "R1"}
        await centre.refund(REVERSAL)
        assert stub.asked == {
            "payOrdId": "ORD1",
            "appRefdSn": "M1-REV",
            "appRefdTime": "20260106003000",
            "totlRefdAmt": "128.50",
            "psnAcctRefdAmt": "25.70",
            "fundRefdAmt": "77.10",
            "cashRefdAmt": "25.70",
            "ecToken": "REVS1",
            "refdType": "ALL",
            "expContent": "医院入账失败",
        }

    @pytest.mark.parametrize("slot", ["ecToken", "payAuthNo", "revsToken"])
    async def test_the_slot_of_the_reversals_token(self, slot: str) -> None:
        async with centre_stub(reversal_token_field=slot) as (stub, centre):
            stub.data = {"refStatus": "SUCC"}
            await centre.refund(REVERSAL)
            tokens = {name: stub.asked.get(name) for name in ("ecToken", "payAuthNo", "revsToken")}
            assert tokens == {"ecToken": None, "payAuthNo": None, "revsToken": None} | {slot: "REVS1"}

    async def test_a_refund_goes_by_pay_auth_no_whatever_the_slot(self, both: Both) -> None:
        stub, centre = both
        stub.data = {"refStatus": "SUCC"}
        await centre.refund(REVERSAL.model_copy(update={"revs_token": "", "pay_auth_no": "AUTH9"}))
        assert stub.asked["payAuthNo"] == "AUTH9"
        assert "ecToken" not in stub.asked

    @pytest.mark.parametrize("tokens", [{"revs_token": ""}, {"pay_auth_no": "AUTH9"}], ids=["none", "both"])
    async def test_6203_takes_exactly_one_token(self, both: Both, tokens: dict[str, str]) -> None:
        stub, centre = both
        with pytest.raises(ValueError, match="exactly one"):
            await centre.refund(REVERSAL.model_copy(update=tokens))
        assert stub.requests == []


class TestProfile:
    async def test_default_paths(self, both: Both) -> None:
        stub, centre = both
        stub.data = UPLOADED | {"ordStas": "12", "refStatus": "SUCC"}
        port: InsuranceCentre = centre
        await port.upload_fees(outpatient("M1"), bill_of(outpatient("M1")), "M1")
        await port.refund(REVERSAL)
        await port.query_order(REFERENCE)
        await port.revoke_order(REFERENCE)
        assert stub.paths == [
            "/org/local/api/hos/uldFeeInfo",
            "/org/local/api/hos/refund_Order",
            "/org/local/api/hos/query_order_info",
            "/org/local/api/hos/revoke_order",
        ]

    async def test_a_provinces_own_path(self) -> None:
        async with centre_stub(paths={"6301": "/v2/ask"}) as (stub, centre):
            stub.data = {"payOrdId": "ORD1", "ordStas": "1"}
            await centre.query_order(REFERENCE)
            assert stub.paths == ["/v2/ask"]

    @pytest.mark.parametrize("numbers", ["string", "json"])
    @pytest.mark.parametrize("timestamp", ["datetime", "epoch_ms", "epoch_s"])
    @pytest.mark.parametrize("enc_hex", ["upper", "lower"])
    async def test_forms(self, numbers: str, timestamp: str, enc_hex: str) -> None:
        form = {"numbers": numbers, "timestamp": timestamp, "enc_hex": enc_hex, "version": "1.0.0"}
        async with centre_stub(**form) as (stub, centre):
            stub.data = {"payOrdId": "ORD1", "ordStas": 1}
            assert (await centre.query_order(REFERENCE)).ord_stas == 1
            assert stub.bodies[0]["version"] == "1.0.0"
            assert "data" not in stub.bodies[0]
