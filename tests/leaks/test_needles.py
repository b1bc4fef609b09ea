"""The search itself: what it must find, in whatever form and place."""

import base64
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.leaks.needles import leaks, needles

NAME, TOKEN = "欧阳标记", "TOKEN-Marker+/7"
FORMS: dict[str, Callable[[str], bytes]] = {
    "plain": lambda text: text.encode(),
    "lower": lambda text: text.lower().encode(),
    "json": lambda text: json.dumps({"a": text}).encode(),
    "json in json": lambda text: json.dumps(json.dumps({"a": text})).encode(),
    "percent": lambda text: quote(text).encode(),
    "form": lambda text: quote_plus(text).encode(),
    "hex": lambda text: text.encode().hex().encode(),
    "HEX": lambda text: text.encode().hex().upper().encode(),
    "gbk": lambda text: text.encode("gbk"),
    "utf-16": lambda text: text.encode("utf-16"),
    "repr of bytes": lambda text: repr(text.encode()).encode(),
    "base64 of gbk": lambda text: base64.b64encode(text.encode("gbk")),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("marker", [NAME, TOKEN])
def test_each_form_is_found(form: str, marker: str) -> None:
    assert leaks([marker], {"file": b"\x00before" + FORMS[form](marker) + b"after"}) == {("file", marker)}


@given(st.binary(max_size=20), st.sampled_from([NAME, TOKEN]), st.binary(max_size=20))
def test_base64_with_any_neighbours(before: bytes, marker: str, after: bytes) -> None:
    raw = before + marker.encode() + after
    for encoded in (base64.b64encode(raw), base64.urlsafe_b64encode(raw)):
        assert leaks([marker], {"file": encoded}) == {("file", marker)}


def test_what_is_not_there_is_not_found() -> None:
    assert leaks([NAME, TOKEN], {"file": b"ordinary bytes " * 100, "none": b""}) == set()


def test_nothing_too_short_is_looked_for() -> None:
    assert min(map(len, needles(NAME))) >= 6
    with pytest.raises(ValueError, match="too short"):
        needles("a")
