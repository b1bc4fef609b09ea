"""Payments as they should be, from the order to HIS's books, in every form that the interface allows."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.support.stack.api_server import PRE_SETTLE, SETTLE, Answer
from tests.support.stack.running import Call, Stack, data_of, outpatient_call, registration_call, settle_call
from tests.support.waiting import eventually

PRE_SETTLE_FIELDS = [
    *("payOrdId", "feeSumamt", "ownPayAmt", "psnAcctPay", "fundPay", "patientTypeId", "iptOtpNo"),
    *("medOrgOrd", "balance", "siPersonalNo"),
]
SETTLE_FIELDS = [
    *("payOrdId", "medOrgOrd", "traceTime", "setlType", "feeSumamt", "ownPayAmt", "psnAcctPay", "revsToken"),
    *("fundPay", "VISIT_ID"),
]


async def test_an_outpatient_bill(stack: Stack, number: str) -> None:
    order = outpatient_call(number, ORDER_ID="300001", TOTAL="128.50")
    quoted = await stack.quoted(order)
    assert list(quoted) == PRE_SETTLE_FIELDS
    split = {name: quoted[name] for name in ("feeSumamt", "ownPayAmt", "psnAcctPay", "fundPay", "medOrgOrd")}
    assert split == {
        "feeSumamt": "128.50",
        "ownPayAmt": "25.70",
        "psnAcctPay": "25.70",
        "fundPay": "77.10",
        "medOrgOrd": number,
    }
    await stack.others.patient_pays(quoted["payOrdId"])
    confirmed = await stack.settled(order, quoted["payOrdId"])
    assert list(confirmed) == SETTLE_FIELDS
    assert (confirmed["setlType"], confirmed["feeSumamt"], confirmed["VISIT_ID"]) == ("ALL", "128.50", "V1")
    assert confirmed["revsToken"]
    assert (await stack.state(number), await stack.ord_stas(number)) == ("SETTLED", [6])
    booked = await stack.others.his_settlements(number)
    assert [(row["feeSumamt"], row["VISIT_ID"], row["ORDER_ID"]) for row in booked] == [("128.50", "V1", "300001")]
    again = await stack.pre_settle(outpatient_call(number + "x", ORDER_ID="300001", TOTAL="128.50"))
    assert again.outcome == (200, "BILL_ALREADY_PAID")


async def test_several_prescriptions_in_one_payment(stack: Stack, number: str) -> None:
    order = outpatient_call(number, ORDER_ID="300002|300003", TOTAL="76.31", CHANNEL="Alipay")
    await stack.settled(order, await stack.paid(order))
    booked = await stack.others.his_settlements(number)
    assert [(row["feeSumamt"], row["ORDER_ID"]) for row in booked] == [("76.31", "300002|300003")]


async def test_a_registration_whose_visit_we_make(stack: Stack, number: str) -> None:
    order = registration_call(number)
    confirmed = await stack.settled(order, await stack.paid(order))
    assert await stack.visits(number) == [confirmed["VISIT_ID"]]
    booked = await stack.others.his_settlements(number)
    assert [(row["VISIT_ID"], row["CATEGORY"]) for row in booked] == [(confirmed["VISIT_ID"], "1")]
    assert (await stack.state(number), await stack.ord_stas(number)) == ("SETTLED", [6])


async def test_a_registration_with_the_callers_visit(stack: Stack, number: str) -> None:
    order = registration_call(number)
    confirmed = await stack.settled(order, await stack.paid(order), VISIT_ID="V1")
    assert confirmed["VISIT_ID"] == "V1"
    assert await stack.visits(number) == []
    assert [row["VISIT_ID"] for row in await stack.others.his_settlements(number)] == ["V1"]


async def test_a_whole_payment_of_one_fen(stack: Stack, number: str) -> None:
    order = outpatient_call(number, ORDER_ID="900000", TOTAL=0.01)
    quoted = await stack.quoted(order)
    assert (quoted["ownPayAmt"], quoted["psnAcctPay"], quoted["fundPay"]) == ("0.01", "0.00", "0.00")
    await stack.others.patient_pays(quoted["payOrdId"])
    assert (await stack.settled(order, quoted["payOrdId"]))["setlType"] == "CASH"


def bare(text: str) -> dict[str, Any]:
    return {"data": text, "headers": {"Content-Type": "application/json"}}


def form(text: str) -> dict[str, Any]:
    content_type = "application/x-www-form-urlencoded"
    return {"data": urlencode({"P_JSON": text}), "headers": {"Content-Type": content_type}}


def wrapped(text: str) -> dict[str, Any]:
    return bare(f'{{"P_JSON": {text}}}')


def as_text(text: str) -> dict[str, Any]:
    return bare(json.dumps({"P_JSON": text}))


def twice(text: str) -> dict[str, Any]:
    return as_text(json.dumps({"P_JSON": text}))


async def answered(stack: Stack, path: str, shape: dict[str, Any]) -> Answer:
    answers: list[Answer] = []

    async def is_answered() -> bool:
        answers.append(await stack.api.call("POST", path, **shape))
        return answers[-1].status != 202

    await eventually(is_answered)
    return answers[-1]


@pytest.mark.parametrize("first", [bare, wrapped, as_text, form, twice])
async def test_every_form_of_input_is_the_same_call(stack: Stack, number: str, first: Any) -> None:  # noqa: ANN401 - any of the forms
    order = {f" {name} ": f" {value} " for name, value in outpatient_call(number).items()}
    text = json.dumps(order, ensure_ascii=False)
    forms = [first, bare, wrapped, as_text, form, twice]
    answers = [await answered(stack, PRE_SETTLE, shape(text)) for shape in forms]
    quoted = data_of(answers[0])
    assert {answer.text for answer in answers} == {answers[0].text}
    await stack.others.patient_pays(quoted["payOrdId"])
    plain: Call = {name.strip(): value for name, value in order.items()}
    confirmation = json.dumps(settle_call(plain, quoted["payOrdId"]), ensure_ascii=False)
    settled = [await answered(stack, SETTLE, shape(confirmation)) for shape in forms]
    assert {answer.text for answer in settled} == {settled[0].text}
    assert data_of(settled[0])["payOrdId"] == quoted["payOrdId"]
    assert (await stack.ord_stas(number), await stack.bookings(number)) == ([6], 1)


async def test_the_callers_own_view(stack: Stack, number: str) -> None:
    order = outpatient_call(number)
    await stack.settled(order, await stack.paid(order))
    seen = await stack.api.call("GET", f"/api/v1/payments/{number}")
    states = [entry["name"] for entry in seen.json["DATA"]["timeline"] if entry["kind"] == "state"]
    assert states == ["RECEIVED", "PRICED", "FEE_UPLOADED", "PRE_SETTLED", "PAID", "SETTLED"]
    assert "110101199003070134" not in seen.text
    assert "张三" not in seen.text
