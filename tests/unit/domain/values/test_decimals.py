"""Numbers as databases, Java and JavaScript write them: read exactly or not at all."""

import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.values.decimals import exact, plain, whole
from domain.values.fen import parse_total, parse_yuan, yuan

NUMBERS = {
    "25": 2500,
    "25.5": 2550,
    "25.50": 2550,
    "25.500000": 2550,
    "1E+2": 10000,
    "2.55E+1": 2550,
    "255e-1": 2550,
    "0": 0,
    "-0.00": 0,
    "0E+99": 0,
    "-25.50": -2550,
    ".5": 50,
    "5.": 500,
    "007.10": 710,
    " 25.50\t": 2550,
    "0.07": 7,
    "8.07E0": 807,
    "1E-2": 1,
    "999999999999.99": 99_999_999_999_999,
}
NO_NUMBERS = [
    *("", " ", "+1", "1,000", "1_000", "0x19", "NaN", "Infinity", "-Infinity", "１２", "٢٥", "25元", "1 2", "1e", "e5"),
    *(".", "-", "1.2.3", "--1", "1E+", "1E2.5", "1E100", "1E999999999", "1E-999999999", "1E99999999999", "9" * 65),
]


@pytest.mark.parametrize(("text", "fen"), NUMBERS.items())
def test_an_amount_is_read_exactly(text: str, fen: int) -> None:
    assert parse_yuan(text) == fen


@pytest.mark.parametrize("text", [*NO_NUMBERS, "25.505", "0.001", "1E-3", "1000000000000", "1E12", "-1E+12", "1E99"])
def test_no_amount(text: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        parse_yuan(text)


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_no_number(text: str) -> None:
    with pytest.raises(ValueError, match="not a number"):
        exact(text)


def test_a_huge_exponent_costs_nothing() -> None:
    began = time.process_time()
    for text in ("1E999999999", "1E-999999999", "9.9E99", "1E-99") * 100:
        with pytest.raises(ValueError, match="not a"):
            parse_yuan(text)
    assert time.process_time() - began < 1


@given(st.integers(-(10**14) + 1, 10**14 - 1), st.sampled_from(["{}", "{:f}", "{:e}", "{}000", "{:.8f}"]))
def test_every_spelling_of_an_amount_is_the_same_amount(fen: int, form: str) -> None:
    text = form.format(Decimal(fen).scaleb(-2)) if form != "{}000" else f"{yuan(fen)}000"
    assert parse_yuan(text) == fen


@given(st.text("0123456789.eE+-", max_size=12))
def test_what_is_read_is_what_was_written(text: str) -> None:
    try:
        number = exact(text)
    except ValueError:
        return
    assert number == Decimal(text)


@pytest.mark.parametrize(("text", "number"), {"6": 6, "06": 6, "6.0": 6, "6E0": 6, "60e-1": 6, "-1": -1}.items())
def test_a_whole_number(text: str, number: int) -> None:
    assert whole(text) == number


@pytest.mark.parametrize("text", ["6.5", "1E-1", "六", "", "True"])
def test_no_whole_number(text: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        whole(text)


@given(st.decimals(0, 10**12 - 1, places=4))
def test_a_plain_quantity_has_the_same_value_and_no_exponent(value: Decimal) -> None:
    for text in (str(value), f"{value:e}", f"{value}000"):
        written = plain(text, 4)
        assert Decimal(written) == value
        assert set(written) <= set("0123456789.")
        assert plain(written, 4) == written


@pytest.mark.parametrize("text", ["+25.00", "1E2", "-1", "0", "25.555", " 25", "025"])
def test_the_callers_total_stays_strict(text: str) -> None:
    with pytest.raises(ValueError, match="amount"):
        parse_total(text)
