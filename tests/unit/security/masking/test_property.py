"""No valid identity number is shown, whatever it stands in; and masking takes no time, whatever it is given."""

import json
import time
from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from security.masking.values import mask, mask_text
from tests.support.values.people import id_no

DISTRICTS = ("110101", "310115", "440304", "510107", "140105", "650102", "810000", "820000", "830000", "911156")
AROUND = st.text("0123456789Xx -=:&'\"\\{}()idNo张三，。\n/?", max_size=30) | st.text(max_size=20)
LINEAR_S_MAX = 3.0


@st.composite
def id_numbers(draw: st.DrawFn) -> str:
    """With its right check digit."""
    born = draw(st.dates(date(1900, 1, 1), date(2026, 1, 1)))
    return id_no(draw(st.sampled_from(DISTRICTS)), f"{born:%Y%m%d}", draw(st.integers(0, 999)))


def holds(shown: object, number: str) -> bool:
    text = json.dumps(shown, ensure_ascii=False) + str(shown)
    return number in text or number.lower() in text


@given(AROUND, id_numbers(), AROUND)
@example("11010119900307", "110101199003070134", "")
@example("idNo=", "110101199003070134", "0134")
def test_no_valid_number_survives_in_a_text(before: str, number: str, after: str) -> None:
    assert not holds(mask_text(before + number + after), number)
    assert not holds(mask_text(before + number.lower() + after), number)


@given(id_numbers(), id_numbers(), st.integers(0, 17))
def test_nor_where_two_overlap(one: str, other: str, shared: int) -> None:
    shown = mask_text(one[: 18 - shared] + other)
    assert not holds(shown, other)


VALUES = st.recursive(
    AROUND | st.integers() | st.none() | st.binary(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(AROUND, inner, max_size=3),
    max_leaves=5,
)


@given(VALUES, id_numbers(), st.sampled_from(["text", "bytes", "key", "int", "nested", "json"]))
def test_nor_in_any_value(value: object, number: str, shape: str) -> None:
    held: object = {
        "text": number,
        "bytes": f"x{number}y".encode(),
        "key": {number: value},
        "int": int(number) if number.isdigit() else number,
        "nested": [{"a": ({"b": f"{number}"},)}],
        "json": json.dumps({"a": json.dumps([number])}),
    }[shape]
    assert not holds(mask({"value": value, "held": held, "both": [value, held]}), number)


@given(VALUES)
def test_masking_never_fails_and_can_be_rendered(value: object) -> None:
    assert json.dumps(mask({"value": value}), ensure_ascii=False)


@pytest.mark.parametrize(
    "text",
    [
        "idNo=" * 200_000,
        'payAuthNo="' * 100_000,
        'payAuthNo=\\"' * 100_000,
        "1" * 1_000_000,
        "110101199003070134" * 50_000,
        "Key (" * 200_000,
        "Failing row contains (" * 50_000,
        "http://" * 150_000,
        "://a:" * 200_000,
        "input_value=" * 100_000,
        "[parameters: " * 100_000,
        "患者" * 500_000,
        "('authorization', '" * 50_000,
        "\\" * 1_000_000,
        " " * 1_000_000,
        "Authorization:" * 70_000,
    ],
    ids=lambda text: text[:12],
)
def test_a_hostile_text_takes_no_time(text: str) -> None:
    began = time.thread_time()
    mask_text(text)
    assert time.thread_time() - began < LINEAR_S_MAX
