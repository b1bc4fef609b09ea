"""The text to sign, against the published vector and rule by rule (protocol 3.1)."""

from decimal import Decimal

import pytest

from domain.values.decimals import Numeral
from gateways.exact_json import parse_object
from gateways.insurance.canonical import cleaned, compact, text_to_sign
from tests.support.values.envelope_vector import APP_ID, APP_SECRET, CLEANED_DATA_JSON, DATA, PAYLOAD, SIGN_STRING


class TestPublishedVector:
    def test_text_to_sign(self) -> None:
        assert text_to_sign(PAYLOAD, APP_SECRET, "json") == SIGN_STRING

    def test_cleaned_data(self) -> None:
        assert compact(cleaned(DATA), "json") == CLEANED_DATA_JSON

    def test_numbers_as_strings_stand_in_quotes_and_booleans_do_not(self) -> None:
        text = text_to_sign(PAYLOAD, APP_SECRET, "string")
        assert '"a":"1","b":"2"' in text
        assert '"y":["1",{"k":"值"}]' in text
        assert '"number":"123"' in text
        assert '"boolFalse":false,"boolTrue":true' in text


class TestRules:
    def test_signature_ciphertext_and_extra_are_never_signed(self) -> None:
        fields = {"signData": "s", "encData": "e", "extra": {"a": "1"}, "a": "1"}
        assert text_to_sign(fields, "secret", "string") == "a=1&key=secret"

    def test_zero_and_false_are_not_empty(self) -> None:
        assert text_to_sign({"code": 0, "success": False, "message": ""}, "k", "json") == "code=0&success=false&key=k"

    def test_a_number_at_the_top_has_no_quotes_in_either_form(self) -> None:
        assert text_to_sign({"timestamp": 1}, "k", "string") == text_to_sign({"timestamp": 1}, "k", "json")

    def test_what_becomes_empty_goes_too(self) -> None:
        assert cleaned({"a": {"b": "", "c": [None, {}]}, "d": "x"}) == {"d": "x"}

    def test_keys_stand_in_ascii_order_at_every_level(self) -> None:
        assert compact({"b": "1", "B": "2", "_": "3", "1": "4"}, "json") == '{"1":"4","B":"2","_":"3","b":"1"}'

    def test_special_characters_are_escaped_as_json_has_it_and_chinese_is_not(self) -> None:
        assert compact('值"\\/\n\t\x01&=', "json") == '"值\\"\\\\/\\n\\t\\u0001&="'

    @pytest.mark.parametrize("value", [1.5, Decimal(1), None, object(), {1, 2}])
    def test_what_has_no_exact_text_is_no_value(self, value: object) -> None:
        with pytest.raises(ValueError, match="can't be signed"):
            compact(value, "json")

    @pytest.mark.parametrize(
        ("numbers", "text"), [("json", '{"a":1.10,"b":-0,"c":1E+2}'), ("string", '{"a":"1.10","b":"-0","c":"1E+2"}')]
    )
    def test_a_number_keeps_the_text_it_had(self, numbers: str, text: str) -> None:
        data = parse_object('{"a": 1.10, "b": -0, "c": 1E+2}')
        assert compact(data, "json" if numbers == "json" else "string") == text
        assert data["a"] == "1.10"
        assert isinstance(data["a"], Numeral)


def test_the_app_id_is_the_vectors() -> None:
    assert SIGN_STRING.startswith(f"appId={APP_ID}&data={CLEANED_DATA_JSON}&")
