"""P_JSON in a form: encoded as the standard says, and raw, as some callers post it."""

import json
import re
from urllib.parse import quote, quote_plus, urlencode

import pytest

from api.web.body import read_fields
from domain.errors import ErrorCode, PaymentError
from tests.unit.api.web.test_any_body import request

FORM = b"application/x-www-form-urlencoded"
FIELDS = {"payAuthNo": "AB+cd/ef==", "uldLatlnt": "+38.1,-112.9", "NAME": "张 三", "NOTE": "5%25 & a=b; 100%"}
TEXT = json.dumps(FIELDS, ensure_ascii=False)
LOWER_CASE_ESCAPES = re.sub("%[0-9A-F]{2}", lambda escape: escape[0].lower(), quote_plus(TEXT))
JS_URI = "!#$&'()*+,/:;=?@-._~"
"""What JavaScript's encodeURI leaves as it is."""


async def outcome(body: str | bytes, content_type: bytes = FORM) -> object:
    try:
        return await read_fields(request([body if isinstance(body, bytes) else body.encode()], content_type))
    except PaymentError as error:
        return error.code


class TestEncoded:
    @pytest.mark.parametrize(
        "body",
        [
            urlencode({"P_JSON": TEXT}),
            "P_JSON=" + quote(TEXT, safe=""),
            "P_JSON=" + quote(TEXT, safe="!'()*~"),
            "P_JSON=" + LOWER_CASE_ESCAPES,
            urlencode({"sign": "x", "P_JSON": TEXT, "t": "1"}),
            urlencode({" P_JSON ": TEXT}),
            urlencode({"P_JSON": TEXT}) + "\r\n",
            "\ufeff" + urlencode({"P_JSON": TEXT}),
            urlencode({"P_JSON": json.dumps(TEXT)}),
        ],
    )
    async def test_is_decoded_as_the_standard_says(self, body: str) -> None:
        assert await outcome(body) == FIELDS

    async def test_its_plus_is_a_blank(self) -> None:
        assert await outcome("P_JSON=%7B%22a%22%3A%22x+y%20z%2B%22%7D") == {"a": "x y z+"}


class TestRaw:
    @pytest.mark.parametrize(
        "body",
        [
            f"P_JSON={TEXT}",
            f"P_JSON= {TEXT}\r\n",
            f" P_JSON ={TEXT}",
            f"P_JSON={TEXT}&sign=x%20y",
            f"sign=x&P_JSON={TEXT}&t=1",
            f"\ufeffP_JSON={TEXT}",
            f"P_JSON={json.dumps(TEXT)}",
            f"P_JSON={json.dumps(FIELDS)}",
            "P_JSON=" + quote(TEXT, safe=JS_URI),
            "P_JSON=" + quote(TEXT, safe=JS_URI) + "&sign=x",
            "P_JSON=" + TEXT.replace("%", "%25").replace('"', "%22"),
        ],
        ids=[
            "as it is",
            "blank and line end",
            "blanks around the name",
            "a field after it",
            "fields around it",
            "byte order mark",
            "a JSON text in quotes",
            "escaped Chinese",
            "encodeURI",
            "encodeURI and a field after it",
            "quotes encoded",
        ],
    )
    async def test_is_taken_as_it_stands(self, body: str) -> None:
        assert await outcome(body) == FIELDS

    async def test_numbers_keep_their_text(self) -> None:
        assert await outcome('P_JSON={"TOTAL": 1E+2, "n": 128.50}') == {"TOTAL": "1E+2", "n": "128.50"}

    @pytest.mark.parametrize(
        "body",
        [
            'P_JSON={"a": "1"}&P_JSON={"a": "2"}',
            'P_JSON={"a": "1"}{"a": "2"}',
            'P_JSON={"a": "1"',
            "P_JSON=" + "[" * 100_000,
            "P_JSON=",
            "P_JSON",
            "p_json={}",
            "x={}",
            'P_JSON=["a"]',
        ],
    )
    async def test_what_is_not_one_object_is_malformed(self, body: str) -> None:
        assert await outcome(body) is ErrorCode.MALFORMED_JSON


class TestEncodings:
    @pytest.mark.parametrize("content_type", [FORM, b"application/json"])
    async def test_gbk_is_refused_whether_it_says_so_or_not(self, content_type: bytes) -> None:
        body = (b"" if content_type.endswith(b"json") else b"P_JSON=") + TEXT.encode("gbk")
        assert await outcome(body, content_type + b"; charset=GBK") is ErrorCode.UNSUPPORTED_MEDIA_TYPE
        assert await outcome(body, content_type) is ErrorCode.MALFORMED_JSON

    async def test_gbk_in_percent_escapes_is_refused(self) -> None:
        assert await outcome("P_JSON=" + quote_plus(TEXT, encoding="gbk")) is ErrorCode.MALFORMED_JSON

    async def test_json_with_a_byte_order_mark(self) -> None:
        assert await outcome("\ufeff" + TEXT, b"application/json; charset=UTF-8") == FIELDS
