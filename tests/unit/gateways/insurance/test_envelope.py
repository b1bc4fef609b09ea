"""Sealing and opening in every form a centre's profile knows, and nothing believed that is not sealed."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateways.insurance.canonical import cleaned
from gateways.insurance.envelope import Envelope, EnvelopeError, signature_digest, sm4_key
from security.crypto.sm import sm4_ecb_decrypt, sm4_ecb_encrypt
from tests.support.values import centres
from tests.support.values.envelope_vector import APP_ID, APP_SECRET, DATA, ENC_DATA, SIGN_STRING, SM4_KEY

Body = dict[str, Any]
FORM = centres.profile(numbers="json")
OURS, CENTRE = centres.hospital_side(FORM), centres.centre_side(FORM)


class Recorder:
    """Keeps the text that it is asked to sign or to verify."""

    def __init__(self) -> None:
        self.message = b""

    async def sign(self, message: bytes) -> bytes:
        self.message = message
        return bytes(64)

    async def verify(self, message: bytes, signature: bytes) -> bool:
        self.message = message
        return signature == bytes(64)


def recorded(recorder: Recorder, **form: object) -> Envelope:
    return Envelope(
        app_id=APP_ID,
        app_secret=APP_SECRET,
        form=centres.profile(**form),
        signer=recorder,
        verifier=recorder,
        clock=lambda: datetime(2026, 9, 2, 16, tzinfo=UTC),
    )


class TestPublishedVector:
    def test_sm4_key(self) -> None:
        assert sm4_key(APP_ID, APP_SECRET) == SM4_KEY

    async def test_a_request_is_signed_and_encrypted_as_published(self) -> None:
        recorder = Recorder()
        body = await recorded(recorder, numbers="json").seal_request(DATA)
        assert recorder.message.decode() == SIGN_STRING
        assert body == {
            "appId": APP_ID,
            "encType": "SM4",
            "signType": "SM2",
            "version": "2.0.1",
            "timestamp": "20260903000000",
            "encData": ENC_DATA,
            "signData": base64.b64encode(bytes(64)).decode(),
        }

    @pytest.mark.parametrize("enc_data", [ENC_DATA, ENC_DATA.lower()], ids=["upper", "lower"])
    async def test_the_published_request_opens(self, enc_data: str) -> None:
        recorder = Recorder()
        body = await recorded(recorder, numbers="json").seal_request({"a": "1"})
        data = await recorded(recorder, numbers="json").open_request(body | {"encData": enc_data, "extra": "x"})
        assert recorder.message.decode() == SIGN_STRING
        assert data["nested"]["deep"]["y"] == ["1", {"k": "值"}]


class TestForms:
    @pytest.mark.parametrize(
        ("timestamp", "text"),
        [("datetime", "20260903000000"), ("epoch_ms", "1788364800000"), ("epoch_s", 1788364800)],
    )
    async def test_timestamp(self, timestamp: str, text: str | int) -> None:
        body = await recorded(Recorder(), timestamp=timestamp).seal_request({"a": "1"})
        assert body["timestamp"] == text
        assert type(body["timestamp"]) is type(text)

    @pytest.mark.parametrize(("enc_hex", "same"), [("upper", str.upper), ("lower", str.lower)])
    async def test_case_of_the_hex(self, enc_hex: str, same: Callable[[str], str]) -> None:
        enc_data = (await recorded(Recorder(), enc_hex=enc_hex).seal_request(DATA))["encData"]
        assert enc_data == same(enc_data)

    async def test_version(self) -> None:
        assert (await recorded(Recorder(), version="1.0.0").seal_request({}))["version"] == "1.0.0"

    @pytest.mark.parametrize(
        ("timestamp", "numbers", "enc_hex", "user_id"),
        list(
            product(
                ("datetime", "epoch_ms", "epoch_s"),
                ("string", "json"),
                ("upper", "lower"),
                ("1234567812345678", "other"),
            )
        ),
    )
    async def test_every_combination_goes_there_and_back(
        self, timestamp: str, numbers: str, enc_hex: str, user_id: str
    ) -> None:
        form = centres.profile(timestamp=timestamp, numbers=numbers, enc_hex=enc_hex, sm2_user_id=user_id)
        ours, theirs = centres.hospital_side(form), centres.centre_side(form)
        sent = over_the_wire(await ours.seal_request({"medfeeSumamt": "1.10", "list": [{"n": 1}]}))
        received = await theirs.open_request(sent)
        assert received == {"medfeeSumamt": "1.10", "list": [{"n": "1"}]}
        answer = await ours.open_answer(over_the_wire(await theirs.seal_answer({"ordStas": 1}, message="成功")))
        assert (answer.code, answer.message, answer.data, answer.signed) == ("0", "成功", {"ordStas": "1"}, True)

    async def test_text_alone_is_signed_alike_in_both_forms_of_numbers(self) -> None:
        texts = []
        for numbers in ("string", "json"):
            recorder = Recorder()
            await recorded(recorder, numbers=numbers).seal_request({"a": "1", "list": [{"b": "2"}]})
            texts.append(recorder.message)
        assert texts[0] == texts[1]


class TestAnswers:
    async def test_a_signed_error(self) -> None:
        body = await CENTRE.seal_answer({}, code=114, message="授权码不一致", success=False)
        answer = await OURS.open_answer(over_the_wire(body))
        assert (answer.code, answer.message, answer.signed) == ("114", "授权码不一致", True)

    @pytest.mark.parametrize("code", ["code", "respCode", "responseCode"])
    @pytest.mark.parametrize("message", ["message", "msg", "errorMsg", "respMessage"])
    async def test_an_error_in_clear_under_every_name(self, code: str, message: str) -> None:
        answer = await OURS.open_answer({code: -1, message: "系统忙", "data": {"a": 1}})
        assert (answer.code, answer.message, answer.data, answer.signed) == ("-1", "系统忙", {}, False)

    async def test_a_code_of_text_is_read_too(self) -> None:
        recorder = Recorder()
        sealed = await recorded(recorder).seal_answer({"a": "1"})
        assert (await recorded(recorder).open_answer(sealed | {"code": "0"})).code == "0"

    @pytest.mark.parametrize(("width", "end"), [(76, "\r\n"), (64, "\n"), (20, " "), (4, "\r\n\t")])
    async def test_a_folded_signature(self, width: int, end: str) -> None:
        """MIME breaks base64 after 76 characters, PEM after 64."""
        body = await CENTRE.seal_answer({"ordStas": "6"})
        folded = "".join(body["signData"][at : at + width] + end for at in range(0, 88, width))
        assert (await OURS.open_answer(body | {"signData": folded})).data == {"ordStas": "6"}
        assert signature_digest({"signData": folded}) == signature_digest(body)

    async def test_data_in_gbk_is_named(self) -> None:
        body = await CENTRE.seal_answer({"a": "1"})
        sealed = sm4_ecb_encrypt(SM4_KEY, '{"a":"结算成功"}'.encode("gbk")).hex()
        with pytest.raises(EnvelopeError, match="encData is not UTF-8 text, but looks like GBK"):
            await OURS.open_answer(body | {"encData": sealed})

    async def test_an_answer_without_data(self) -> None:
        sealed = await CENTRE.seal_answer({})
        unsealed = {name: value for name, value in sealed.items() if name != "encData"}
        assert (await OURS.open_answer(unsealed)).data == {}

    @pytest.mark.parametrize("body", [{}, {"code": None}, {"code": ""}, {"code": True}, {"code": [0]}, {"status": 404}])
    async def test_without_a_code_it_is_no_answer(self, body: Body) -> None:
        with pytest.raises(EnvelopeError, match="no code"):
            await OURS.open_answer(body)

    @pytest.mark.parametrize("code", [0, "0", "0000"])
    async def test_success_must_be_signed(self, code: str | int) -> None:
        with pytest.raises(EnvelopeError, match="without a signature"):
            await OURS.open_answer({"code": code, "message": "ok", "data": {"ordStas": 6}})


SPOILT: dict[str, Callable[[Body], Body]] = {
    "another code": lambda body: body | {"code": 1},
    "another message": lambda body: body | {"message": "x"},
    "another time": lambda body: body | {"timestamp": "20200101000000"},
    "another field": lambda body: body | {"more": "x"},
    "another appId": lambda body: body | {"appId": "0" * 32},
    "another signature": lambda body: body | {"signData": base64.b64encode(bytes(range(64))).decode()},
    "signature in hex": lambda body: body | {"signData": base64.b64decode(body["signData"]).hex()},
    "signature too short": lambda body: body | {"signData": "AAAA"},
    "signature of another type": lambda body: body | {"signData": 12},
    "signature not ASCII": lambda body: body | {"signData": "签名"},
    "ciphertext gone": lambda body: body | {"encData": ""},
    "ciphertext cut": lambda body: body | {"encData": body["encData"][:-2]},
    "ciphertext not hex": lambda body: body | {"encData": "GG" * 16},
    "ciphertext no text": lambda body: body | {"encData": [1]},
    "ciphertext of another block": lambda body: body | {"encData": "00" * 16},
    "ciphertext of no object": lambda body: body | {"encData": sm4_ecb_encrypt(SM4_KEY, b"[1]").hex()},
    "ciphertext of no JSON": lambda body: body | {"encData": sm4_ecb_encrypt(SM4_KEY, b"{").hex()},
    "ciphertext of no UTF-8": lambda body: body | {"encData": sm4_ecb_encrypt(SM4_KEY, b'{"a":"\xff"}').hex()},
    "ciphertext of half a character": lambda body: (
        body | {"encData": sm4_ecb_encrypt(SM4_KEY, b'{"a":"\\ud800"}').hex()}
    ),
    "ciphertext of a deep well": lambda body: body | {"encData": sm4_ecb_encrypt(SM4_KEY, b'{"a":' * 9999).hex()},
    "ciphertext of a full well": lambda body: (
        body | {"encData": sm4_ecb_encrypt(SM4_KEY, b'{"a":' * 900 + b"1" + b"}" * 900).hex()}
    ),
    "a float in clear": lambda body: body | {"more": 1.5},
}


class TestNotBelieved:
    @pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
    async def test_a_spoilt_answer(self, spoil: Callable[[Body], Body]) -> None:
        body = spoil(await CENTRE.seal_answer({"ordStas": "6"}))
        with pytest.raises(EnvelopeError) as caught:
            await OURS.open_answer(body)
        assert APP_SECRET not in str(caught.value)

    async def test_our_own_request_sent_back(self) -> None:
        body = await OURS.seal_request({"ordStas": "6"})
        with pytest.raises(EnvelopeError, match="does not verify"):
            await OURS.open_answer(body | {"code": 0})

    async def test_a_request_of_another_hospital(self) -> None:
        with pytest.raises(EnvelopeError, match="does not verify"):
            await CENTRE.open_request(await CENTRE.seal_request({"a": "1"}))

    @pytest.mark.parametrize("app_id", ["", "short", "短" * 16])
    def test_an_app_id_that_gives_no_key(self, app_id: str) -> None:
        with pytest.raises(ValueError, match="app_id"):
            sm4_key(app_id, APP_SECRET)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)


class TestProperties:
    @given(data=st.dictionaries(TEXT, JSON, max_size=4), numbers=st.sampled_from(["json", "string"]))
    @settings(max_examples=100, deadline=None)
    async def test_what_is_sealed_opens_as_it_was_but_for_what_is_empty(self, data: Body, numbers: str) -> None:
        recorder = Recorder()
        body = over_the_wire(await recorded(recorder, numbers=numbers).seal_request(data))
        sealed = recorder.message
        opened = await recorded(recorder, numbers=numbers).open_request(body)
        assert opened == _numbers_as_text(cleaned(data))
        assert recorder.message == sealed

    @given(body=st.dictionaries(st.sampled_from(["code", "appId", "encData", "signData", "msg", "x"]) | TEXT, JSON))
    @settings(max_examples=200, deadline=None)
    async def test_no_answer_breaks_the_parser(self, body: Body) -> None:
        try:
            answer = await OURS.open_answer(body)
        except EnvelopeError:
            return
        assert not answer.signed
        assert answer.code.strip("0")

    @given(plain=st.binary(max_size=64) | TEXT.map(str.encode))
    @settings(max_examples=200, deadline=None)
    async def test_no_ciphertext_breaks_the_parser(self, plain: bytes) -> None:
        sealed = sm4_ecb_encrypt(SM4_KEY, plain)
        assert sm4_ecb_decrypt(SM4_KEY, sealed) == plain
        body = {"code": 0, "signData": "AAAA", "encData": sealed.hex()}
        with pytest.raises(EnvelopeError):
            await OURS.open_answer(body)


def over_the_wire(body: Body) -> Body:
    """As it is after a trip through HTTP."""
    parsed: Body = json.loads(json.dumps(body))
    return parsed


def _numbers_as_text(value: object) -> object:
    if isinstance(value, dict):
        return {key: _numbers_as_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_numbers_as_text(item) for item in value]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value
