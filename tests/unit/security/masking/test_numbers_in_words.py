"""Identity, mobile and personal numbers as people and other systems write them into their words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from security.masking.id_numbers import hide_id_numbers, hide_mobile_numbers
from security.masking.values import mask_text
from tests.unit.domain.values.test_names import BLANKS

NUMBER, MOBILE = "11010119900307109X", "13812345678"
HYPHENS = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\uff0d\ufe63"
SEPARATORS = [*HYPHENS, *BLANKS, "\u200b", "\ufeff", " - "[:2]]
SCRIPTS = {"full-width": "０", "Arabic": "٠", "bold": "𝟎", "Devanagari": "०"}


def in_script(text: str, zero: str) -> str:
    return "".join(chr(ord(zero) + int(char)) if char.isdigit() else char for char in text)


def digits(text: str) -> int:
    return sum(char.isdecimal() for char in text)


class TestIdentityNumbers:
    @pytest.mark.parametrize("separator", SEPARATORS, ids=ascii)
    @pytest.mark.parametrize("places", [(6, 14), (4, 8, 12, 16), (6, 10, 12, 14), tuple(range(1, 18))])
    def test_with_anything_between(self, separator: str, places: tuple[int, ...]) -> None:
        written = "".join(separator * (place in places) + char for place, char in enumerate(NUMBER))
        shown = hide_id_numbers(f"证件{written}不存在")
        assert digits(shown) == 7
        assert shown.startswith("证件1")
        assert shown.endswith("X不存在")

    @pytest.mark.parametrize("zero", SCRIPTS.values(), ids=SCRIPTS)
    def test_in_digits_of_any_script(self, zero: str) -> None:
        assert digits(hide_id_numbers(in_script(NUMBER, zero))) == 7
        assert digits(mask_text(f"证件{in_script(NUMBER, zero)}")) == 7

    @pytest.mark.parametrize("zero", ["0", *SCRIPTS.values()])
    @pytest.mark.parametrize("form", ["110101900307013", "110101 900307 013", "110101-900307-013"])
    def test_of_before_1999(self, form: str, zero: str) -> None:
        assert mask_text(f"旧号{in_script(form, zero)}") == "旧号***"

    @pytest.mark.parametrize("form", ["110101199003070130", "110101 19900307 0130", "110101-19900307-0130"])
    def test_mistyped_ones_that_stand_alone(self, form: str) -> None:
        assert digits(hide_id_numbers(f"证件{form}不存在")) == 8

    @pytest.mark.parametrize(
        "text",
        [
            "2026-11-28 17:05:12 1234",
            "20261128170512123456",
            "1.1.2026 12:00 - 13:00 11 12 13",
            "ORD20260105000000000001",
            "第1-18项: 1 2 3 4 5 6 7 8 9 10 11 12",
        ],
    )
    def test_other_numbers_stay(self, text: str) -> None:
        assert hide_id_numbers(text) == text


class TestMobileNumbers:
    @pytest.mark.parametrize("separator", SEPARATORS, ids=ascii)
    @pytest.mark.parametrize("places", [(), (3, 7), (3,), (7,), (4, 8), (3, 6)])
    @pytest.mark.parametrize("before", ["", "+86", "86", "0086", "+86 ", "+86-"])
    def test_however_they_are_grouped(self, separator: str, places: tuple[int, ...], before: str) -> None:
        written = "".join(separator * (place in places) + char for place, char in enumerate(MOBILE))
        assert hide_mobile_numbers(f"电话{before}{written}。") == f"电话{before}138****5678。"

    @pytest.mark.parametrize("zero", SCRIPTS.values(), ids=SCRIPTS)
    def test_in_digits_of_any_script(self, zero: str) -> None:
        assert mask_text(f"电话{in_script(MOBILE, zero)}") == "电话138****5678"

    @pytest.mark.parametrize(
        "text", ["16 12 11 10 09 1", "订单138123456789", "13.812345678", "A13812345678", "1381234567"]
    )
    def test_other_numbers_stay(self, text: str) -> None:
        assert mask_text(text) == text


class TestPersonalNumbers:
    @pytest.mark.parametrize("title", ["个人编号", "人员编号", "医保编号", "个人电脑号", "电脑号", "psnNo", "psn_no"])
    @pytest.mark.parametrize("between", ["", " ", "为", "：", "是 ", " (", "=", "[", "（"])
    def test_named_in_words(self, title: str, between: str) -> None:
        if between or not title.isascii():
            assert "P100001" not in mask_text(f"参保地无此{title}{between}P100001, 请核对")

    @pytest.mark.parametrize("text", ["个人编号不存在", "个人编号为空", "无此人员编号, 请核对", "psnNo is missing"])
    def test_where_none_is_named_nothing_is_hidden(self, text: str) -> None:
        assert mask_text(text) == text


@given(st.text("0123456789０９Xx -－+.:", max_size=60))
def test_the_rest_of_a_text_stays_as_it_is(text: str) -> None:
    shown = hide_mobile_numbers(hide_id_numbers(text))
    assert digits(shown) <= digits(text)
    assert hide_mobile_numbers(hide_id_numbers(shown)) == shown
