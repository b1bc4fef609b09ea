"""The caller's JSON: unwrapped, trimmed, exact, and never more than refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.web.body import REPEATED, Fields, Number, parse_fields
from domain.errors import ErrorCode, PaymentError

FIELDS = {"payAuthNo": "A1", "TOTAL": "128.50"}
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
ANYTHING = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


class TestForms:
    @pytest.mark.parametrize(
        "text",
        [
            json.dumps(FIELDS),
            json.dumps({"P_JSON": FIELDS}),
            json.dumps({"P_JSON": json.dumps(FIELDS)}),
            json.dumps({" P_JSON ": json.dumps(FIELDS)}),
            json.dumps({"P_JSON": {"P_JSON": FIELDS}}),
            json.dumps({"P_JSON": json.dumps({"P_JSON": json.dumps(FIELDS)})}),
            json.dumps(json.dumps(FIELDS)),
            "\ufeff" + json.dumps(FIELDS),
            '{" payAuthNo ": "A1", "\\tTOTAL": "128.50"}',
        ],
    )
    def test_all_are_equal(self, text: str) -> None:
        assert parse_fields(text) == FIELDS

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "   ",
            "{",
            "[]",
            "null",
            "1",
            '"x"',
            "{'a': 1}",
            '{"a": 1,}',
            '{"a": NaN}',
            '{"a": -Infinity}',
            '{"P_JSON": null}',
            '{"P_JSON": ""}',
            '{"P_JSON": 5}',
            '{"P_JSON": []}',
            '{"P_JSON": "{"}',
            '{"P_JSON": {}, "P_JSON": {}}',
            '{"P_JSON": {"P_JSON": {"P_JSON": {}}}}',
            '{"a": "\n"}',
            "[" * 200_000,
            '{"a":' * 200_000,
            '{"P_JSON": ' + json.dumps("[" * 200_000) + "}",
        ],
    )
    def test_anything_else_is_malformed(self, text: str) -> None:
        with pytest.raises(PaymentError) as refused:
            parse_fields(text)
        assert refused.value.code is ErrorCode.MALFORMED_JSON


class TestExactness:
    @pytest.mark.parametrize("number", ["128.50", "1E2", "0.1", "-0", "1e400", "9" * 5000, "100001"])
    def test_numbers_keep_their_text(self, number: str) -> None:
        value = parse_fields(f'{{"TOTAL": {number}}}')["TOTAL"]
        assert isinstance(value, Number)
        assert value == number

    def test_a_repeated_key_has_no_value(self) -> None:
        assert parse_fields('{"TOTAL": "1", " TOTAL": "2"}')["TOTAL"] is REPEATED


class TestAnyText:
    @given(st.text())
    def test_is_parsed_or_malformed(self, text: str) -> None:
        assert isinstance(parsed(text), dict | None)

    @given(ANYTHING)
    def test_of_json_is_parsed_or_malformed(self, value: object) -> None:
        assert isinstance(parsed(json.dumps(value)), dict | None)


def parsed(text: str) -> Fields | None:
    """None where it was refused as malformed; any other failure is raised."""
    try:
        return parse_fields(text)
    except PaymentError as error:
        if error.code is ErrorCode.MALFORMED_JSON:
            return None
        raise
