"""How a centre may spell its answers: numbers, parts of a split, texts, and the JSON that it has signed."""

import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.errors import Unknown
from domain.insurance import RefundStatus, Split
from domain.values.decimals import Numeral
from domain.values.fen import Fen
from gateways.insurance.client import HttpInsuranceCentre
from gateways.insurance.envelope import EnvelopeError, sm4_key
from security.crypto.sm import GmsslSigner, sm4_ecb_encrypt
from tests.support.parties.centre_stub import CentreStub, centre_stub
from tests.support.values import centres
from tests.support.values.envelope_vector import APP_ID, APP_SECRET
from tests.support.values.orders import SPLIT, bill_of, outpatient

Both = tuple[CentreStub, HttpInsuranceCentre]
PARTS = {"feeSumamt": "128.50", "ownPayAmt": "25.70", "psnAcctPay": "25.70", "fundPay": "77.10"}
PLACED = {"payOrdId": "ORD1", "ordStas": "1", **PARTS}
ALL_FUND = {"feeSumamt": "128.50", "fundPay": "128.50"}
"""Of a patient whom the fund pays everything: some centres leave out what is nothing."""


@pytest.fixture(params=["string", "json"])
async def both(request: pytest.FixtureRequest) -> AsyncIterator[Both]:
    """A centre that signs numbers as strings, and one that signs them as numbers."""
    async with centre_stub(numbers=request.param) as pair:
        yield pair


async def placed(both: Both, **data: object) -> Split:
    stub, centre = both
    stub.data = {"payOrdId": "ORD1", "ordStas": "1", **data}
    return (await centre.place_order(centres.PLACEMENT)).split


class TestNumbers:
    @pytest.mark.parametrize(
        "spelt",
        [
            {"feeSumamt": "128.5", "ownPayAmt": "25.700000", "psnAcctPay": "2.57E+1", "fundPay": " 77.10 "},
            {"feeSumamt": Numeral("128.50"), "ownPayAmt": Numeral("25.70"), "psnAcctPay": Numeral("2.570e1")},
            {
                "feeSumamt": Numeral("1.2850E+2"),
                "ownPayAmt": "25.70",
                "ordStas": Numeral("1"),
                "othFeeAmt": Numeral("0"),
            },
            {"ordStas": "01", "othFeeAmt": None, "hospPartAmt": "", "feeSumamt": "128.500000"},
            {"ordStas": Numeral("1.0"), "hospPartAmt": Numeral("0E-6")},
        ],
    )
    async def test_are_read_exactly(self, both: Both, spelt: dict[str, object]) -> None:
        assert await placed(both, **(PARTS | spelt)) == SPLIT

    async def test_whole_ones_too(self, both: Both) -> None:
        split = await placed(both, feeSumamt=25, ownPayAmt=Numeral("1E+1"), psnAcctPay=15, fundPay=0)
        assert (split.fee_sum_fen, split.own_pay_fen, split.psn_acct_fen, split.fund_fen) == (2500, 1000, 1500, 0)

    @pytest.mark.parametrize("name", [*PARTS, "othFeeAmt", "hospPartAmt"])
    @pytest.mark.parametrize("amount", ["25.705", "+1", "1E999999999"])
    async def test_that_are_no_amounts_are_named(self, both: Both, name: str, amount: str) -> None:
        with pytest.raises(Unknown, match=name):
            await placed(both, **(PARTS | {name: amount}))


class TestPartsLeftOut:
    @pytest.mark.parametrize("nothing", ["absent", None, "", " ", {}, [], "\x00"])
    @pytest.mark.parametrize("name", ["ownPayAmt", "psnAcctPay", "fundPay"])
    async def test_one_is_nothing_where_the_rest_adds_up(self, both: Both, name: str, nothing: object) -> None:
        parts: dict[str, object] = dict.fromkeys(PARTS, "64.25") | {"feeSumamt": "128.50", name: nothing}
        if nothing == "absent":
            del parts[name]
        fen = {"ownPayAmt": "own_pay_fen", "psnAcctPay": "psn_acct_fen", "fundPay": "fund_fen"}
        split = await placed(both, **parts)
        assert split.model_dump() == {
            "fee_sum_fen": 12850,
            "other_fen": 0,
            "hospital_part_fen": 0,
            **{field: 0 if of == name else 6425 for of, field in fen.items()},
        }

    async def test_two_are_nothing_where_one_is_everything(self, both: Both) -> None:
        assert (await placed(both, **ALL_FUND)).fund_fen == Fen(12850)

    @pytest.mark.parametrize("name", ["ownPayAmt", "psnAcctPay", "fundPay"])
    async def test_where_the_rest_does_not_add_up_it_is_named(self, both: Both, name: str) -> None:
        with pytest.raises(Unknown, match=name):
            await placed(both, **(PARTS | {name: ""}))

    async def test_the_sum_itself_is_never_nothing(self, both: Both) -> None:
        with pytest.raises(Unknown, match="feeSumamt"):
            await placed(both, ownPayAmt="0", psnAcctPay="0", fundPay="0")

    @pytest.mark.parametrize("ord_stas", ["1", "6"])
    async def test_in_6301_alike(self, both: Both, ord_stas: str) -> None:
        stub, centre = both
        stub.data = {"payOrdId": "ORD1", "ordStas": ord_stas, **ALL_FUND}
        status = await centre.query_order(centres.REFERENCE)
        assert status.split is not None
        assert status.split.adds_up_to(Fen(12850))


class TestTexts:
    async def test_lose_what_nobody_sees(self, both: Both) -> None:
        stub, centre = both
        stub.data = {
            "payOrdId": "\x00ORD1\ufeff",
            "payToken": "P\x0bT\u2028 1\x85",
            "extData": {"mdtrtId": "M\x7fD\u200b1"},
        }
        uploaded = await centre.upload_fees(outpatient("M1"), bill_of(outpatient("M1")), "M1")
        assert (uploaded.pay_ord_id, uploaded.pay_token, uploaded.mdtrt_id) == ("ORD1", "P T  1", "MD1")

    @pytest.mark.parametrize(
        ("field", "data"),
        [
            ("payOrdId", {"payOrdId": "X" * 129}),
            ("payToken", {"payToken": "X" * 2001}),
            ("mdtrtId", {"extData": {"mdtrtId": "X" * 129}}),
        ],
    )
    async def test_that_are_too_long_are_named_before_money_moves(
        self, both: Both, field: str, data: dict[str, Any]
    ) -> None:
        stub, centre = both
        stub.data = {"payOrdId": "ORD1", "payToken": "PT1"} | data
        with pytest.raises(Unknown, match=field):
            await centre.upload_fees(outpatient("M1"), bill_of(outpatient("M1")), "M1")

    async def test_that_are_too_long_lose_nothing_after_it(self, both: Both) -> None:
        stub, centre = both
        stub.data = {"refStatus": "SUCC", "refdSn": "R" * 500}
        refund = await centre.refund(centres.REVERSAL)
        assert (refund.status, len(refund.refd_sn), refund.refd_sn[:100]) == (RefundStatus.SUCC, 128, "R" * 100)
        stub.data = {"payOrdId": "ORD1", "ordStas": "6", **PARTS, "revsToken": "R" * 2001}
        status = await centre.query_order(centres.REFERENCE)
        assert (status.ord_stas, status.split, status.revs_token) == (6, SPLIT, "")


NOTES = {
    "Jackson": '甲\\u000B\\"<乙>&\\u007F\u2028=/\\t',
    "Gson": '甲\\u000b\\"\\u003c乙\\u003e\\u0026\x7f\\u2028\\u003d/\\t\\u0027',
    "fastjson": "甲\\u000B\\\"<乙>&\\u007F\\u2028=/\\t\\u0085'",
    "PHP": '\\u7532\\"<\\u4e59>&\\u2028=\\/\\t',
    "JavaScript": "甲\\v\\x0b'<乙>\\/",
    "half a pair": "甲\\ud800乙",
    "nothing odd": "甲乙",
}
SHAPES = {
    "in order": '{{"a":{{"b":1E+2,"note":"{0}"}},"note":"{0}"}}',
    "in another order": '{{"note":"{0}","a":{{"note":"{0}","b":1E+2}}}}',
    "with empty values": '{{"note":"{0}","a":{{"note":"{0}","b":1E+2}},"c":"","d":{{}},"e":null}}',
    "with blanks": ' {{ "a" : {{ "b" : 1E+2 , "note" : "{0}" }} , "note" : "{0}" }}\n',
}


async def sealed(plain: str, signed: str) -> dict[str, Any]:
    """An answer whose data are encrypted as `plain` and signed as `signed`."""
    head = {"appId": APP_ID, "code": 0, "timestamp": "20260903000000"}
    text = f"appId={APP_ID}&code=0&data={signed}&timestamp=20260903000000&key={APP_SECRET}"
    signature = await GmsslSigner(centres.CENTRE_KEYS.private_key_b64, centres.profile().sm2_user_id).sign(
        text.encode()
    )
    cipher = sm4_ecb_encrypt(sm4_key(APP_ID, APP_SECRET), plain.encode()).hex()
    return {**head, "encData": cipher, "signData": base64.b64encode(signature).decode()}


every_note = pytest.mark.parametrize("note", NOTES.values(), ids=NOTES)


class TestSignature:
    @pytest.mark.parametrize("note", [note for note in NOTES.values() if "\\v" not in note])
    @pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
    async def test_over_the_sorted_data_in_the_centres_spelling(self, note: str, shape: str) -> None:
        body = await sealed(shape.format(note), SHAPES["in order"].format(note))
        opened = await centres.hospital_side(centres.profile(numbers="json")).open_answer(body)
        assert opened.data["a"]["b"] == "1E+2"
        assert opened.data["note"].startswith("甲")

    @every_note
    @pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
    @pytest.mark.parametrize("numbers", ["json", "string"])
    async def test_over_the_very_text_that_was_encrypted(self, note: str, shape: str, numbers: str) -> None:
        text = shape.format(note)
        opened = await centres.hospital_side(centres.profile(numbers=numbers)).open_answer(await sealed(text, text))
        assert opened.data["note"].startswith("甲")

    @every_note
    async def test_over_anything_else_is_not_believed(self, note: str) -> None:
        plain = SHAPES["in order"].format(note)
        for signed in (
            plain.replace("1E+2", "100"),
            plain.replace("甲", "丙").replace("\\u7532", "丙"),
            "{}",
            "",
            plain + " ",
        ):
            with pytest.raises(EnvelopeError, match="does not verify"):
                await centres.hospital_side(centres.profile()).open_answer(await sealed(plain, signed))


async def test_a_plain_answer_costs_one_verification() -> None:
    tried: list[bytes] = []

    class Counting:
        async def verify(self, message: bytes, signature: bytes) -> bool:
            tried.append(message + signature)
            return False

    envelope = centres.hospital_side(centres.profile(numbers="json"))
    envelope._verifier = Counting()
    plain = '{"a":"甲","b":["1",{"c":1.10}]}'
    with pytest.raises(EnvelopeError):
        await envelope.open_answer(await sealed(plain, plain))
    assert len(tried) == 1


class TestCodes:
    @pytest.mark.parametrize("code", [0, "0", "0000", "0.0", Numeral("0.0"), " 0 ", Numeral("0E0")])
    async def test_every_zero_is_accepted(self, both: Both, code: object) -> None:
        stub, centre = both
        stub.data, stub.head = PLACED, {"code": code}
        assert (await centre.place_order(centres.PLACEMENT)).split == SPLIT

    @pytest.mark.parametrize("code", [9001, "9001", Numeral("9001.0"), "9001.00", "9001\x00"])
    async def test_a_busy_code_is_busy_however_it_is_spelt(self, code: object) -> None:
        async with centre_stub(busy_codes=("9001",)) as (stub, centre):
            stub.head = {"code": code, "message": "系统繁忙", "success": False}
            with pytest.raises(Unknown, match="系统繁忙"):
                await centre.place_order(centres.PLACEMENT)

    @pytest.mark.parametrize("ord_stas", [6, "6", "06", "6.0", Numeral("6.0"), Numeral("6E0"), " 6\x0b"])
    async def test_a_status_is_a_whole_number(self, both: Both, ord_stas: object) -> None:
        stub, centre = both
        stub.data = PLACED | {"ordStas": ord_stas}
        assert (await centre.query_order(centres.REFERENCE)).ord_stas == 6

    @pytest.mark.parametrize("ord_stas", ["6.5", "-6", "1000", "六", "6 7", True, [6]])
    async def test_no_status_is_named(self, both: Both, ord_stas: object) -> None:
        stub, centre = both
        stub.data = PLACED | {"ordStas": ord_stas}
        with pytest.raises(Unknown, match="ordStas"):
            await centre.query_order(centres.REFERENCE)


@pytest.mark.parametrize(
    "trace_time",
    [
        "2026-01-06 00:30:00",
        "20260106003000",
        "2026-01-06T00:30:00",
        "2026-01-06 00:30:00.0",
        Numeral("20260106003000"),
    ],
)
async def test_a_trace_time_in_every_form(both: Both, trace_time: str) -> None:
    stub, centre = both
    stub.data = PLACED | {"ordStas": "6", "traceTime": trace_time}
    assert (await centre.query_order(centres.REFERENCE)).trace_time == datetime(2026, 1, 5, 16, 30, tzinfo=UTC)
