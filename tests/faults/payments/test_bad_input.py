"""What a caller may get wrong: told at once, in Chinese, by name; nothing is placed and medOrgOrd is not used up."""

import io
import json
from typing import Any

import pytest

from tests.support.stack.api_server import PRE_SETTLE, SETTLE
from tests.support.stack.running import Stack, outpatient_call, registration_call, settle_call

JSON = {"Content-Type": "application/json"}

WRONG_FIELDS = [
    ({"payAuthNo": None}, "MISSING_FIELD"),
    ({"PATIENT_ID": "  "}, "MISSING_FIELD"),
    ({"ORDER_ID": None}, "MISSING_FIELD"),
    ({"CATEGORY": "1"}, "MISSING_FIELD"),
    ({"TOTAL": None}, "MISSING_FIELD"),
    ({"medOrgOrd": ""}, "MISSING_FIELD"),
    ({"CATEGORY": "3"}, "INVALID_FIELD"),
    ({"PATIENT_ID": ["100001"]}, "INVALID_FIELD"),
    ({"uldLatlnt": {"lng": 1}}, "INVALID_FIELD"),
    ({"PATIENT_NAME": True}, "INVALID_FIELD"),
    ({"PATIENT_ID": "1" * 129}, "INVALID_FIELD"),
    ({"payAuthNo": "A" * 2001}, "INVALID_FIELD"),
    ({"medOrgOrd": "M" * 65}, "INVALID_FIELD"),
    ({"medOrgOrd": "M 1"}, "INVALID_FIELD"),
    ({"ID_NO": "110101199003070135"}, "INVALID_FIELD"),
    ({"ID_NO": "1101011990030701"}, "INVALID_FIELD"),
    ({"TOTAL": "128.505"}, "INVALID_FIELD"),
    ({"TOTAL": "-128.50"}, "INVALID_FIELD"),
    ({"TOTAL": "1.285E2"}, "INVALID_FIELD"),
    ({"TOTAL": "+128.50"}, "INVALID_FIELD"),
    ({"TOTAL": "0.00"}, "INVALID_FIELD"),
    ({"TOTAL": "128,50"}, "INVALID_FIELD"),
    ({"ORDER_ID": "300001||300002"}, "INVALID_FIELD"),
    ({"ORDER_ID": "300001|"}, "INVALID_FIELD"),
    ({"ORDER_ID": "300001|300001"}, "INVALID_FIELD"),
    ({"CHANNEL": "wechat"}, "INVALID_FIELD"),
]


@pytest.mark.parametrize(("changes", "code"), WRONG_FIELDS)
async def test_a_wrong_field_is_named(stack: Stack, number: str, changes: dict[str, Any], code: str) -> None:
    answer = await stack.api.post(PRE_SETTLE, outpatient_call(number, **changes))
    assert answer.outcome == (200, code)
    assert list(answer.json) == ["CODE", "MSG"]
    named = "CLINIC_ID" if changes == {"CATEGORY": "1"} else next(iter(changes))
    assert f"({named})" in answer.json["MSG"]


async def test_a_mended_call_may_use_the_same_number(stack: Stack, number: str) -> None:
    wrong = outpatient_call(number, TOTAL="1e1")
    assert (await stack.api.post(PRE_SETTLE, wrong)).code == "INVALID_FIELD"
    assert (await stack.api.call("GET", f"/api/v1/payments/{number}")).outcome == (404, "UNKNOWN_ORDER")
    assert (await stack.pre_settle(outpatient_call(number))).outcome == (200, "")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"P_JSON": "{"}', b'{"TOTAL": NaN}', b"\xff\xfe", b'"x"']
)
async def test_broken_json(stack: Stack, body: bytes) -> None:
    for path in (PRE_SETTLE, SETTLE):
        answer = await stack.api.call("POST", path, data=body, headers=JSON)
        assert answer.outcome == (422, "MALFORMED_JSON")
        assert answer.json["CODE"] == -1


async def test_a_body_over_1_mib(stack: Stack) -> None:
    body = io.BytesIO(json.dumps({"payAuthNo": "A" * (1024 * 1024)}).encode())
    assert (await stack.api.call("POST", PRE_SETTLE, data=body, headers=JSON)).outcome == (413, "TOO_LARGE")


async def test_another_media_type(stack: Stack) -> None:
    answer = await stack.api.call("POST", PRE_SETTLE, data=b"<x/>", headers={"Content-Type": "text/xml"})
    assert answer.outcome == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_without_a_key(stack: Stack, number: str) -> None:
    for key in (None, "another"):
        assert (await stack.api.post(PRE_SETTLE, outpatient_call(number), key=key)).outcome == (401, "UNAUTHORIZED")
        assert (await stack.api.call("GET", f"/api/v1/payments/{number}", key=key)).outcome == (401, "UNAUTHORIZED")


async def test_a_payment_that_nobody_knows(stack: Stack, number: str) -> None:
    assert (await stack.api.call("GET", f"/api/v1/payments/{number}")).outcome == (404, "UNKNOWN_ORDER")
    answer = await stack.api.post(SETTLE, settle_call(outpatient_call(number), "ORD1"))
    assert answer.outcome == (200, "UNKNOWN_ORDER")


LI = {"PATIENT_ID": "100002", "ID_NO": "11010119900307109X", "PATIENT_NAME": "李四"}
WANG = {"PATIENT_ID": "100003", "ID_NO": "110101199003072711", "PATIENT_NAME": "王五", "VISIT_ID": "V3"}
NOT_HIS = [
    ({"PATIENT_ID": "999999"}, "PATIENT_MISMATCH"),
    ({"ID_NO": LI["ID_NO"]}, "PATIENT_MISMATCH"),
    ({"PATIENT_NAME": "李四"}, "PATIENT_MISMATCH"),
    ({"VISIT_ID": "V2"}, "PATIENT_MISMATCH"),
    ({"VISIT_ID": "V404"}, "PATIENT_MISMATCH"),
    ({"ORDER_ID": "300101", "TOTAL": "1999.99"}, "PATIENT_MISMATCH"),
    ({"ORDER_ID": "404"}, "BILL_NOT_FOUND"),
    ({"ORDER_ID": "900777|404", "TOTAL": "7.78"}, "BILL_NOT_FOUND"),
    ({"ORDER_ID": "900777", "TOTAL": "7.79"}, "TOTAL_MISMATCH"),
    ({"ORDER_ID": "900777", "TOTAL": "7.77"}, "TOTAL_MISMATCH"),
    (WANG, "HIS_REFUSED"),
]


@pytest.mark.parametrize(("changes", "code"), NOT_HIS)
async def test_what_his_does_not_have_like_that(
    stack: Stack, number: str, changes: dict[str, object], code: str
) -> None:
    order = outpatient_call(number, **changes)
    answer = await stack.pre_settle(order)
    assert answer.outcome == (200, code)
    assert not any(secret in answer.text for secret in ("张三", "李四", "王五", "1101011990"))
    assert (await stack.state(number), await stack.asked_of_centre(number)) == ("REJECTED", [])
    assert (await stack.pre_settle(order)).text == answer.text
    assert (await stack.settle(order, "ORD1", VISIT_ID="V1", PATIENT_ID=order["PATIENT_ID"])).code == code


async def test_a_clinic_that_his_does_not_have(stack: Stack, number: str) -> None:
    assert (await stack.pre_settle(registration_call(number, CLINIC_ID="404"))).outcome == (200, "BILL_NOT_FOUND")
    assert await stack.asked_of_centre(number) == []


async def test_a_small_x_is_the_same_identity_number(stack: Stack, number: str) -> None:
    order = outpatient_call(number, **LI, VISIT_ID="V2")
    quoted = await stack.quoted({**order, "ID_NO": LI["ID_NO"].lower()})
    assert await stack.quoted(order) == quoted
