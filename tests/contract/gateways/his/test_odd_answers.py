"""What the adapter makes of a HIS that answers wrongly: it never guesses, and it never repeats a person's data."""

import copy
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from domain.errors import NotSent, Refused, RemoteCallError, Transaction, Unknown
from domain.values.fen import Fen
from gateways.his.http import HttpHospitalSystem
from gateways.his.port import HisRefund, HisRepeats
from gateways.http import HttpCaller
from tests.support.parties.odd_server import OddServer
from tests.support.values.his_payments import his_payment, his_registration

PERSON = {
    "PATIENT_NAME": "张三",
    "ID_NO": "110101199003070134",
    "patientTypeId": "1",
    "iptOtpNo": "MZ100001",
    "psnNo": "11010000000000100001",
    "insutype": "310",
    "insuCode": "110101",
}
DOCTOR = {"bilgDrCodg": "D110101000001", "bilgDrName": "王医生"}
LINE = {
    "feedetlSn": "30000101",
    "rxno": "300001",
    "feeOcurTime": "2026-03-02 09:10:00",
    "medListCodg": "XC08CAB139A001010100001",
    "medinsListCodg": "YP0101",
    "medListName": "苯磺酸氨氯地平片",
    "medListSpc": "5mg*7片",
    "cnt": "2",
    "pric": "38.15",
    "detItemFeeSumamt": "76.30",
    "bilgDeptCodg": "A0304",
    "bilgDeptName": "心内科",
    **DOCTOR,
}
DIAGNOSIS = {
    "diagType": "1",
    "diagSrtNo": "1",
    "diagCode": "I10.x00",
    "diagName": "高血压",
    "diagDept": "A0304",
    "diseDorNo": "D110101000001",
    "diseDorName": "王医生",
    "diagTime": "2026-03-02 09:05:00",
}
FEES = {
    "PATIENT_ID": "100001",
    "mdtrtId": "MZ100001",
    "deptCode": "A0304",
    "deptName": "心内科",
    "caty": "A03.04",
    "atddrNo": "D110101000001",
    "drName": "王医生",
    "begntime": "2026-03-02 09:00:00",
    "diseinfoList": [DIAGNOSIS],
    "feedetailList": [LINE],
}

Call = Callable[[HttpHospitalSystem], Awaitable[object]]
CALLS: dict[str, Call] = {
    "patient": lambda his: his.patient("100001"),
    "registration_fees": lambda his: his.registration_fees("200001", "100001"),
    "prescription_fees": lambda his: his.prescription_fees(("300001",), "100001"),
    "visit": lambda his: his.visit_patient("V1"),
    "register": lambda his: his.register(his_registration("ODD1")),
    "registration_query": lambda his: his.registration_query("ODD1"),
    "settle": lambda his: his.settle(his_payment("ODD1", 12850)),
    "settlement_query": lambda his: his.settlement_query("ODD1"),
    "cancel_registration": lambda his: his.cancel_registration("ODD1", "V1", "100001"),
    "refund": lambda his: his.refund(HisRefund(med_org_ord="ODD1", refund_no="R1", total_fen=Fen(1))),
}
ANSWERING = [name for name in CALLS if name not in {"cancel_registration", "refund"}]
ALL_CALLS = pytest.mark.parametrize("name", CALLS)

REQUIRED = {
    "patient": (PERSON, ["PATIENT_NAME", "ID_NO", "patientTypeId", "iptOtpNo", "insutype", "insuCode"]),
    "prescription_fees": (FEES, list(FEES)),
    "registration_fees": (FEES, list(FEES)),
    "visit": ({"PATIENT_ID": "100001"}, ["PATIENT_ID"]),
    "register": ({"VISIT_ID": "V9"}, ["VISIT_ID"]),
    "registration_query": ({"FOUND": True, "VISIT_ID": "V9", "PATIENT_ID": "1"}, ["FOUND", "VISIT_ID", "PATIENT_ID"]),
    "settle": ({"settlementNo": "S1"}, ["settlementNo"]),
    "settlement_query": ({"FOUND": True, "settlementNo": "S1"}, ["FOUND", "settlementNo"]),
}
WRONG: list[object] = ["absent", None, True, [], {}, "", " \x00\u200b", "字" * 129]
EACH_WRONG = [
    (name, field, value)
    for name, (_, fields) in REQUIRED.items()
    for field in fields
    for value in WRONG
    if (field, value) != ("diseinfoList", [])  # no diagnosis is a valid answer
    and (field, value) != ("FOUND", True)
    and (field, value) != ("settlementNo", "字" * 129)  # too long a number is shortened: the money has moved
]
EACH_OF_A_LINE = [("feedetailList", field) for field in LINE if field not in {"rxno", "medListSpc"}]
EACH_OF_A_DIAGNOSIS = [("diseinfoList", field) for field in DIAGNOSIS]


@pytest.fixture
def his(http: HttpCaller, odd: OddServer) -> HttpHospitalSystem:
    return HttpHospitalSystem(http, odd.url, timeout_s=5)


def done(data: object) -> dict[str, Any]:
    return {"CODE": 0, "MSG": "", "DATA": copy.deepcopy(data)}


async def failure(his: HttpHospitalSystem, name: str) -> RemoteCallError:
    with pytest.raises(RemoteCallError) as caught:
        await CALLS[name](his)
    assert caught.value.transaction == name
    return caught.value


async def unknown(his: HttpHospitalSystem, name: str) -> Unknown:
    error = await failure(his, name)
    assert isinstance(error, Unknown)
    return error


class TestRefusal:
    @ALL_CALLS
    async def test_any_code_but_0_is_refused_with_its_reason(
        self, his: HttpHospitalSystem, odd: OddServer, name: str
    ) -> None:
        odd.answer = {"CODE": -1, "MSG": "处方不存在", "REASON": "BILL_NOT_FOUND"}
        error = await failure(his, name)
        assert isinstance(error, Refused)
        assert (error.message, error.reason) == ("处方不存在", "BILL_NOT_FOUND")

    @pytest.mark.parametrize("reason", [None, "", "NO_SUCH_REASON", 5, ["BILL_NOT_FOUND"], {"a": 1}])
    async def test_an_unknown_reason_is_none(self, his: HttpHospitalSystem, odd: OddServer, reason: object) -> None:
        odd.answer = {"CODE": 7, "MSG": "不行", "REASON": reason}
        error = await failure(his, "settle")
        assert isinstance(error, Refused)
        assert error.reason == ""

    @pytest.mark.parametrize("message", [None, "", "  ", True, ["x"]])
    async def test_a_refusal_without_words_gets_some(
        self, his: HttpHospitalSystem, odd: OddServer, message: object
    ) -> None:
        odd.answer = {"CODE": -1, "MSG": message}
        assert (await failure(his, "settle")).message == "医院系统拒绝"

    async def test_a_4xx_with_the_envelope_is_a_refusal_too(self, his: HttpHospitalSystem, odd: OddServer) -> None:
        odd.status, odd.answer = 409, {"CODE": -1, "MSG": "已缴费", "REASON": "BILL_ALREADY_PAID"}
        assert isinstance(await failure(his, "settle"), Refused)

    async def test_personal_numbers_and_length_of_the_message(self, his: HttpHospitalSystem, odd: OddServer) -> None:
        odd.answer = {"CODE": -1, "MSG": "证件11010119900307109X,\n电话13800138000不符" + "长" * 1000}
        error = await failure(his, "patient")
        assert error.message.startswith("证件***, 电话***不符")
        assert len(error.message) <= 120
        assert "11010119900307109X" not in str(error)


class TestNeverGuessed:
    @pytest.mark.parametrize(("name", "field", "value"), EACH_WRONG)
    async def test_a_missing_or_ill_typed_field_is_named(
        self, his: HttpHospitalSystem, odd: OddServer, name: str, field: str, value: object
    ) -> None:
        odd.answer = done(REQUIRED[name][0])
        odd.answer["DATA"][field] = value
        if value == "absent":
            del odd.answer["DATA"][field]
        error = await unknown(his, name)
        assert error.answered
        assert f"({field})" in error.message

    @pytest.mark.parametrize(("items", "field"), EACH_OF_A_LINE + EACH_OF_A_DIAGNOSIS)
    @pytest.mark.parametrize("value", ["absent", True, "", [5]])
    async def test_a_field_of_an_item_is_named_by_its_path(
        self, his: HttpHospitalSystem, odd: OddServer, items: str, field: str, value: object
    ) -> None:
        odd.answer = done(FEES)
        item = odd.answer["DATA"][items][0]
        item[field] = value
        if value == "absent":
            del item[field]
        error = await unknown(his, "prescription_fees")
        assert f"({items}.0.{field})" in error.message

    @pytest.mark.parametrize(("items", "item", "most"), [("feedetailList", LINE, 500), ("diseinfoList", DIAGNOSIS, 50)])
    async def test_lists_are_bounded(
        self, his: HttpHospitalSystem, odd: OddServer, items: str, item: dict[str, str], most: int
    ) -> None:
        odd.answer = done({**FEES, items: [item] * most})
        assert await his.prescription_fees(("300001",), "100001")
        odd.answer = done({**FEES, items: [item] * (most + 1)})
        assert f"({items})" in (await failure(his, "prescription_fees")).message

    @pytest.mark.parametrize("name", ANSWERING)
    @pytest.mark.parametrize("data", [None, [], "", "x", 5, True, {}])
    async def test_data_that_is_no_object_or_an_empty_one(
        self, his: HttpHospitalSystem, odd: OddServer, name: str, data: object
    ) -> None:
        odd.answer = done(data)
        assert (await unknown(his, name)).answered

    @ALL_CALLS
    @pytest.mark.parametrize("code", [None, "", " ", "OK", "0x0", "+0", True, False, [], 0.5, "0,0"])
    async def test_a_code_that_is_no_whole_number(
        self, his: HttpHospitalSystem, odd: OddServer, name: str, code: object
    ) -> None:
        odd.answer = {"CODE": code, "MSG": "", "DATA": {}}
        error = await unknown(his, name)
        assert error.answered
        assert "(CODE)" in error.message

    @ALL_CALLS
    @pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"x"', b"null", b"{}", b'{"CODE": 0', b"\xff\xfe"])
    async def test_a_body_that_is_no_envelope(
        self, his: HttpHospitalSystem, odd: OddServer, name: str, body: bytes
    ) -> None:
        odd.answer = body
        assert (await unknown(his, name)).answered

    @ALL_CALLS
    @pytest.mark.parametrize("status", [301, 404, 500, 502, 503, 504])
    async def test_http_trouble(self, his: HttpHospitalSystem, odd: OddServer, name: str, status: int) -> None:
        odd.status, odd.answer = status, {"detail": "Not Found"}
        assert (await unknown(his, name)).answered == (status not in {502, 503, 504})

    @ALL_CALLS
    async def test_code_0_beside_a_4xx_contradicts_itself(
        self, his: HttpHospitalSystem, odd: OddServer, name: str
    ) -> None:
        odd.status, odd.answer = 404, done({})
        error = await unknown(his, name)
        assert "HTTP 404" in error.message
        assert error.answered

    async def test_a_refusal_beside_a_5xx_is_not_believed(self, his: HttpHospitalSystem, odd: OddServer) -> None:
        odd.status, odd.answer = 500, {"CODE": -1, "MSG": "数据库忙"}
        assert (await unknown(his, "settle")).answered


class TestNoPersonalData:
    async def test_not_in_the_error_nor_in_what_it_came_from(self, his: HttpHospitalSystem, odd: OddServer) -> None:
        odd.answer = done({**PERSON, "PATIENT_NAME": ["张三", "110101199003070134"]})
        error: BaseException | None = await failure(his, "patient")
        while error is not None:
            assert "张三" not in str(error)
            assert "110101199003070134" not in str(error)
            error = error.__cause__ or error.__context__


class TestTolerated:
    async def test_padding_unknown_fields_and_fields_left_out(self, his: HttpHospitalSystem, odd: OddServer) -> None:
        person = {**PERSON, "PATIENT_NAME": " 张三   ", "psnNo": None, "more": {"than": "asked"}}
        del person["insutype"]
        del person["insuCode"]
        odd.answer = done(person)
        patient = await his.patient("100001")
        assert (patient.name, patient.psn_no, patient.insutype) == ("张三", "", "")

    async def test_diagnoses_in_any_order(self, his: HttpHospitalSystem, odd: OddServer) -> None:
        odd.answer = done({**FEES, "diseinfoList": [{**DIAGNOSIS, "diagSrtNo": "2", "diagCode": "E11"}, DIAGNOSIS]})
        fees = await his.prescription_fees(("300001",), "100001")
        assert [diagnosis.code for diagnosis in fees.diagnoses] == ["I10.x00", "E11"]

    async def test_a_done_change_needs_no_data(self, his: HttpHospitalSystem, odd: OddServer) -> None:
        odd.answer = {"CODE": 0}
        await his.cancel_registration("ODD1", "V1", "100001")
        await his.refund(HisRefund(med_org_ord="ODD1", refund_no="R1", total_fen=Fen(7630)))
        assert odd.asked[1] == ("/refund", {"medOrgOrd": "ODD1", "refundNo": "R1", "totlRefdAmt": "76.30"})

    async def test_a_base_url_with_a_path_and_a_slash(self, http: HttpCaller, odd: OddServer) -> None:
        odd.answer = done(FEES)
        his = HttpHospitalSystem(http, odd.url + "/medpay/v1/", timeout_s=5)
        await his.prescription_fees(("300001", "300002"), "100001")
        assert odd.asked == [("/medpay/v1/prescription-fees", {"ORDER_ID": "300001|300002", "PATIENT_ID": "100001"})]


class TestSent:
    async def test_settle_sends_all_that_the_interface_names(self, his: HttpHospitalSystem, odd: OddServer) -> None:
        odd.answer = done({"settlementNo": "S1"})
        await his.settle(his_payment("ODD1", 12850, order_ids=("300001", "300002")))
        assert odd.asked == [
            (
                "/settle",
                {
                    "medOrgOrd": "ODD1",
                    "PATIENT_ID": "100001",
                    "CATEGORY": "2",
                    "ORDER_ID": "300001|300002",
                    "payOrdId": "PAYODD1",
                    "feeSumamt": "128.50",
                    "ownPayAmt": "25.70",
                    "psnAcctPay": "25.70",
                    "fundPay": "77.10",
                    "othFeeAmt": "0.00",
                    "hospPartAmt": "0.00",
                    "traceTime": "2026-03-02 09:30:00",
                    "setlType": "ALL",
                    "patientTypeId": "1",
                    "iptOtpNo": "MZ100001",
                    "siPersonalNo": "11010000000000100001",
                    "balance": "500.00",
                },
            )
        ]

    async def test_what_is_not_known_is_left_out(self, his: HttpHospitalSystem, odd: OddServer) -> None:
        odd.answer = done({"VISIT_ID": "V9", "settlementNo": "S1"})
        await his.register(his_registration("ODD1", balance_fen=None))
        await his.settle(his_registration("ODD1", visit_id="V9"))
        registered, settled = (fields for _, fields in odd.asked)
        assert set(registered) == {
            "medOrgOrd",
            "CLINIC_ID",
            "PATIENT_ID",
            "psnAcctPay",
            "fundPay",
            "patientTypeId",
            "iptOtpNo",
            "siPersonalNo",
        }
        assert (settled["VISIT_ID"], settled["CLINIC_ID"]) == ("V9", "200001")
        assert "ORDER_ID" not in settled


class TestNotSent:
    @ALL_CALLS
    async def test_nobody_listens(self, http: HttpCaller, unused_tcp_port: int, name: str) -> None:
        his = HttpHospitalSystem(http, f"http://127.0.0.1:{unused_tcp_port}", timeout_s=5)
        assert isinstance(await failure(his, name), NotSent)


class TestHowLong:
    """What the activities ask before they repeat a call."""

    def test_every_operation_has_the_same_limit(self, http: HttpCaller) -> None:
        his = HttpHospitalSystem(http, "http://127.0.0.1:9", timeout_s=7)
        assert {his.timeout_s(Transaction(name)) for name in CALLS} == {7}

    @pytest.mark.parametrize(("repeats", "safely"), [(HisRepeats.SAFE, True), (HisRepeats.ASK, False)])
    def test_whether_repeats_are_safe_is_the_hospitals_setting(
        self, http: HttpCaller, repeats: HisRepeats, *, safely: bool
    ) -> None:
        assert HttpHospitalSystem(http, "http://127.0.0.1:9", repeats=repeats).repeats_safely is safely
