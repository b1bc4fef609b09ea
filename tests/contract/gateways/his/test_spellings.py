"""How HIS may spell its values (docs/his-port.md): each is read exactly, or refused with its field's name."""

import json
from typing import Any

import pytest

from domain.bills import Fees
from domain.errors import Unknown
from gateways.his.http import HttpHospitalSystem
from gateways.http import HttpCaller
from tests.contract.gateways.his.test_odd_answers import DIAGNOSIS, FEES, LINE, PERSON
from tests.support.parties.odd_server import OddServer
from tests.support.values.his_payments import his_payment, his_registration

QUOTED, BARE = '"{}"', "{}"

AMOUNTS = {
    "76.30": 7630,
    "76": 7600,
    "76.3": 7630,
    "76.300000": 7630,
    "0": 0,
    "0.00": 0,
    "-0.0": 0,
    "7.63e1": 7630,
    "7.63E+1": 7630,
    "1E+2": 10000,
    "1E2": 10000,
    "763E-1": 7630,
    "0E-10": 0,
    "999999999999.99": 99999999999999,
}
ONLY_AS_TEXT = {" 76.30 ": 7630, "　76.30　": 7630, "076.30": 7630, ".5": 50, "5.": 500, "76.30\\u0000": 7630}
NO_AMOUNTS = [
    *(
        "76.305",
        "76.300001",
        "1E-3",
        "-76.30",
        "-1E+2",
        "1E999999999",
        "1E-999999999",
        "1E14",
        "9" * 65,
        "1000000000000",
    ),
]
NO_TEXTS = [
    "+76.30",
    "１２.00",
    "76,30",
    "7_6",
    "0x4C",
    "NaN",
    "Infinity",
    "76.30元",
    "¥76.30",
    "1E",
    "--1",
    ".",
    "1 000",
]

QUANTITIES = {
    "2": "2",
    "2.5": "2.5",
    "2.50": "2.50",
    "2.0000": "2.0000",
    "2.000000": "2",
    "2.5000000": "2.5",
    "1E+2": "100",
    "2.5E-1": "0.25",
    "2E0": "2",
    "0": "0",
    "-0.0": "0",
}
NO_QUANTITIES = ["2.00001", "-1", "1E-5", "1E12", "1E99"]
PRICES = {
    "38.15": "38.15",
    "38.150000": "38.150000",
    "38.1500000": "38.15",
    "3.815E+1": "38.15",
    "0.000001": "0.000001",
}

TIMES = [
    "2026-03-02 09:10:00",
    "20260302091000",
    "2026-03-02T09:10:00",
    "2026-03-02 09:10:00.0",
    " 2026-03-02 09:10:00 ",
]
TIMES_WITH_ZONE = ["2026-03-02T09:10:00.123+08:00", "2026-03-02T09:10:00+0800"]
NO_TIMES = [
    *("202603020910", "20260302", "2026-03-02", "2026-03-02 09:10", "2026/03/02 09:10:00", "2026-3-2 9:10:00"),
    *("2026-03-02T09:10:00Z", "2026-03-02T01:10:00+00:00", "2026-02-30 09:10:00", "2026-03-02 24:00:00"),
    *(
        "20260302 091000",
        "2026-03-02  09:10:00",
        "２０２６-03-02 09:10:00",
        "0001-01-01 00:00:00",
        "1772413800000",
        "soon",
    ),
]


@pytest.fixture
def his(http: HttpCaller, odd: OddServer) -> HttpHospitalSystem:
    return HttpHospitalSystem(http, odd.url, timeout_s=5)


def done(data: object) -> bytes:
    return json.dumps({"CODE": 0, "MSG": "", "DATA": data}, ensure_ascii=False).encode()


def spelt(items: dict[str, Any], field: str, json_text: str) -> bytes:
    """`items` as an item of the fees, with `json_text` as the value of `field`, as it stands."""
    name = "feedetailList" if items is LINE else "diseinfoList"
    body = done({**FEES, name: [{**items, field: "HERE"}]}).decode()
    return body.replace('"HERE"', json_text).encode()


async def fees(his: HttpHospitalSystem, odd: OddServer, answer: bytes) -> Fees:
    odd.answer = answer
    return await his.prescription_fees(("300001",), "100001")


async def unknown(his: HttpHospitalSystem, odd: OddServer, answer: bytes) -> str:
    with pytest.raises(Unknown) as caught:
        await fees(his, odd, answer)
    assert caught.value.answered
    return caught.value.message


class TestAmounts:
    @pytest.mark.parametrize(("text", "fen"), AMOUNTS.items())
    @pytest.mark.parametrize("form", [QUOTED, BARE], ids=["text", "number"])
    async def test_are_read_exactly(
        self, his: HttpHospitalSystem, odd: OddServer, text: str, fen: int, form: str
    ) -> None:
        priced = await fees(his, odd, spelt(LINE, "detItemFeeSumamt", form.format(text)))
        assert priced.lines[0].amount_fen == fen

    @pytest.mark.parametrize(("text", "fen"), ONLY_AS_TEXT.items())
    async def test_in_quotes_also_as_databases_write_them(
        self, his: HttpHospitalSystem, odd: OddServer, text: str, fen: int
    ) -> None:
        priced = await fees(his, odd, spelt(LINE, "detItemFeeSumamt", QUOTED.format(text)))
        assert priced.lines[0].amount_fen == fen

    @pytest.mark.parametrize("form", [QUOTED, BARE], ids=["text", "number"])
    @pytest.mark.parametrize("text", NO_AMOUNTS)
    async def test_of_no_fen_are_refused(self, his: HttpHospitalSystem, odd: OddServer, text: str, form: str) -> None:
        message = await unknown(his, odd, spelt(LINE, "detItemFeeSumamt", form.format(text)))
        assert "(feedetailList.0.detItemFeeSumamt)" in message
        assert text not in message

    @pytest.mark.parametrize("text", NO_TEXTS)
    async def test_of_another_grammar_are_refused(self, his: HttpHospitalSystem, odd: OddServer, text: str) -> None:
        message = await unknown(his, odd, spelt(LINE, "detItemFeeSumamt", QUOTED.format(text)))
        assert "(feedetailList.0.detItemFeeSumamt)" in message


class TestQuantitiesAndPrices:
    @pytest.mark.parametrize("form", [QUOTED, BARE], ids=["text", "number"])
    @pytest.mark.parametrize(("text", "plain"), QUANTITIES.items())
    async def test_go_to_the_centre_in_plain_notation(
        self, his: HttpHospitalSystem, odd: OddServer, text: str, plain: str, form: str
    ) -> None:
        assert (await fees(his, odd, spelt(LINE, "cnt", form.format(text)))).lines[0].quantity == plain

    @pytest.mark.parametrize(("text", "plain"), PRICES.items())
    async def test_prices_too(self, his: HttpHospitalSystem, odd: OddServer, text: str, plain: str) -> None:
        assert (await fees(his, odd, spelt(LINE, "pric", text))).lines[0].unit_price == plain

    @pytest.mark.parametrize("text", NO_QUANTITIES)
    async def test_that_would_be_rounded_are_refused(self, his: HttpHospitalSystem, odd: OddServer, text: str) -> None:
        assert "(feedetailList.0.cnt)" in await unknown(his, odd, spelt(LINE, "cnt", text))

    @pytest.mark.parametrize("text", ["2 盒", "２", "+2", "", "1/2"])
    async def test_that_are_no_numbers_are_refused(self, his: HttpHospitalSystem, odd: OddServer, text: str) -> None:
        assert "(feedetailList.0.cnt)" in await unknown(his, odd, spelt(LINE, "cnt", QUOTED.format(text)))


class TestTimes:
    @pytest.mark.parametrize("text", TIMES)
    async def test_are_read(self, his: HttpHospitalSystem, odd: OddServer, text: str) -> None:
        line = (await fees(his, odd, spelt(LINE, "feeOcurTime", QUOTED.format(text)))).lines[0]
        assert line.occurred_at.isoformat() == "2026-03-02T01:10:00+00:00"

    async def test_of_14_digits_may_be_a_number(self, his: HttpHospitalSystem, odd: OddServer) -> None:
        line = (await fees(his, odd, spelt(LINE, "feeOcurTime", "20260302091000"))).lines[0]
        assert line.occurred_at.isoformat() == "2026-03-02T01:10:00+00:00"

    @pytest.mark.parametrize("text", NO_TIMES)
    async def test_of_other_forms_are_refused(self, his: HttpHospitalSystem, odd: OddServer, text: str) -> None:
        assert "(feedetailList.0.feeOcurTime)" in await unknown(
            his, odd, spelt(LINE, "feeOcurTime", QUOTED.format(text))
        )


class TestTextsAndOrdinals:
    @pytest.mark.parametrize(("value", "text"), [(1, "1"), (7.0, "7.0"), ("01", "01"), (10**30, str(10**30))])
    async def test_a_number_where_a_text_belongs_is_its_text(
        self, his: HttpHospitalSystem, odd: OddServer, value: object, text: str
    ) -> None:
        odd.answer = done({**PERSON, "patientTypeId": value, "psnNo": value})
        patient = await his.patient("100001")
        assert (patient.patient_type_id, patient.psn_no) == (text, text)

    @pytest.mark.parametrize("number", ["1", '"1"', "1.0", '"01"', "1E0", '" 1 "'])
    async def test_a_position(self, his: HttpHospitalSystem, odd: OddServer, number: str) -> None:
        assert (await fees(his, odd, spelt(DIAGNOSIS, "diagSrtNo", number))).diagnoses[0].serial == 1

    @pytest.mark.parametrize("number", ["0", "51", "1.5", '"一"', '"1号"', "-1", "true", "null"])
    async def test_no_position(self, his: HttpHospitalSystem, odd: OddServer, number: str) -> None:
        assert "(diseinfoList.0.diagSrtNo)" in await unknown(his, odd, spelt(DIAGNOSIS, "diagSrtNo", number))

    @pytest.mark.parametrize(
        ("written", "name"),
        [
            ("阿莫西林\\u000b胶囊", "阿莫西林 胶囊"),
            ("阿莫西林\\r\\n胶囊", "阿莫西林 胶囊"),
            ("阿莫西林\\u2028\\u2029胶囊", "阿莫西林 胶囊"),
            ("阿莫西林\\u0085胶囊\\t", "阿莫西林 胶囊"),
            ("\\ufeff阿莫\\u0000西\\u007f林\\u009f胶囊", "阿莫西林胶囊"),
            ("阿莫\\ud800西林\\udc00胶囊\\uffff\\ufdd0", "阿莫西林胶囊"),
            ("阿莫\u200b西\u202e林胶囊", "阿莫西林胶囊"),
            ("阿莫\x0b西林\x00胶囊", "阿莫 西林胶囊"),
            ("　阿莫西林　(0.25g) \u00a0", "阿莫西林　(0.25g)"),
            ("α-干扰素\ue863 Ⅱ 50μg㎎𠮷", "α-干扰素\ue863 Ⅱ 50μg㎎𠮷"),
        ],
    )
    async def test_a_text_loses_what_nobody_sees(
        self, his: HttpHospitalSystem, odd: OddServer, written: str, name: str
    ) -> None:
        assert (await fees(his, odd, spelt(LINE, "medListName", QUOTED.format(written)))).lines[0].name == name


class TestCodesAndFound:
    @pytest.mark.parametrize("code", ["0", '"0"', '"0000"', "0.0", '" 0 "', "0E0", "-0"])
    async def test_every_zero_is_done(self, his: HttpHospitalSystem, odd: OddServer, code: str) -> None:
        odd.answer = f'{{"CODE": {code}, "DATA": {{"settlementNo": 20260302000001}}}}'.encode()
        assert await his.settle(his_payment("ODD1", 12850)) == "20260302000001"

    @pytest.mark.parametrize("yes", ["true", '"true"', '"TRUE"', "1", '"1"', '"Y"', '"yes"', '"T"'])
    async def test_found(self, his: HttpHospitalSystem, odd: OddServer, yes: str) -> None:
        odd.answer = f'{{"CODE": 0, "DATA": {{"FOUND": {yes}, "settlementNo": "S1"}}}}'.encode()
        assert await his.settlement_query("ODD1") == "S1"

    @pytest.mark.parametrize("no", ["false", '"false"', '"False"', "0", '"0"', '"N"', '"no"', '"f"'])
    async def test_not_found(self, his: HttpHospitalSystem, odd: OddServer, no: str) -> None:
        odd.answer = f'{{"CODE": 0, "DATA": {{"FOUND": {no}, "settlementNo": null}}}}'.encode()
        assert await his.settlement_query("ODD1") is None

    @pytest.mark.parametrize("neither", ["null", '""', "2", "-1", "1.0", '"maybe"', '"是"', "[]", "{}"])
    async def test_neither_is_never_guessed(self, his: HttpHospitalSystem, odd: OddServer, neither: str) -> None:
        odd.answer = f'{{"CODE": 0, "DATA": {{"FOUND": {neither}, "settlementNo": "S1"}}}}'.encode()
        with pytest.raises(Unknown, match=r"\(FOUND\)"):
            await his.settlement_query("ODD1")


class TestTooLong:
    async def test_a_number_that_is_only_recorded_is_shortened(self, his: HttpHospitalSystem, odd: OddServer) -> None:
        odd.answer = done({"settlementNo": "S" * 500})
        number = await his.settle(his_payment("ODD1", 12850))
        odd.answer = done({"FOUND": True, "settlementNo": "S" * 501})
        assert number.startswith("S" * 100)
        assert len(number) == 128
        assert number != await his.settlement_query("ODD1")

    async def test_a_visit_that_later_calls_must_name_is_not(self, his: HttpHospitalSystem, odd: OddServer) -> None:
        odd.answer = done({"VISIT_ID": "V" * 129})
        with pytest.raises(Unknown, match=r"\(VISIT_ID\)"):
            await his.register(his_registration("ODD1"))
