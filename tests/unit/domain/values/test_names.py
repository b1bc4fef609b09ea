"""One person's name in many spellings, and the names of two."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.values.names import clean, comparable

DOTS = "·•‣․‧∘∙⋅●◦⦁・･᛫ㆍ⸰⸱⸳ꞏᐧ˙𐄁\u0387．.。｡﹒"
BLANKS = " \t\n\r\v\f\x85\u00a0\u1680\u2000\u2002\u2003\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
INVISIBLE = (
    "\x00\x01\x1f\x7f\x80\x9f\u00ad\u034f\u061c\u115f\u180b\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202e\u2060"
    "\u2066\u2069\u206f\u2800\u3164\ufe00\ufe0f\ufeff\uffa0\ufff9\U000e0001\U000e0100\U000e01ef"
)
KEPT_BY_PYTHON = {  # for private use in GB 18030-2000, which is Python's; characters by the standard of 2022
    0xE816: 0x20087,
    0xE817: 0x20089,
    0xE818: 0x200CC,
    0xE81E: 0x9FB4,
    0xE826: 0x9FB5,
    0xE82B: 0x9FB6,
    0xE82C: 0x9FB7,
    0xE831: 0x215D7,
    0xE832: 0x9FB8,
    0xE83B: 0x2298F,
    0xE843: 0x9FB9,
    0xE854: 0x9FBA,
    0xE855: 0x241FE,
    0xE864: 0x9FBB,
}
TRAILS = [*range(0x50, 0x7F), *range(0x80, 0xA1)]


class TestDots:
    @pytest.mark.parametrize("dot", DOTS, ids=ascii)
    @pytest.mark.parametrize("spelling", ["买买提{}艾力", "买买提 {} 艾力", "买买提\u3000{}艾力", "买买提{0}{0}艾力"])
    def test_any_between_chinese_characters_is_the_standard_s(self, spelling: str, dot: str) -> None:
        assert clean(spelling.format(dot)) == "买买提·艾力"

    def test_several(self) -> None:
        assert clean("阿依古丽•买买提．艾力") == "阿依古丽·买买提·艾力"

    @pytest.mark.parametrize(
        ("name", "cleaned"),
        [
            ("MARY A. SMITH", "MARY A. SMITH"),
            ("J.R. SMITH", "J.R. SMITH"),
            ("ANNA•MARIA", "ANNA·MARIA"),
            ("ANNA · MARIA", "ANNA·MARIA"),
        ],
    )
    def test_a_full_stop_of_a_latin_name_stays(self, name: str, cleaned: str) -> None:
        assert clean(name) == cleaned


class TestBlanks:
    @pytest.mark.parametrize("blank", BLANKS, ids=ascii)
    @pytest.mark.parametrize("spelling", ["张{}三", "{}张三{}", "张{0}{0}三{0}"])
    def test_none_in_a_chinese_name(self, spelling: str, blank: str) -> None:
        assert clean(spelling.format(blank, blank)) == "张三"

    @pytest.mark.parametrize("blank", BLANKS, ids=ascii)
    def test_one_between_latin_words(self, blank: str) -> None:
        assert clean(f"{blank}MARY{blank}{blank}ANN SMITH{blank}") == "MARY ANN SMITH"

    def test_both_in_one_name(self) -> None:
        assert clean("王 MARY  ANN") == "王MARY ANN"

    def test_rare_characters_are_chinese_too(self) -> None:
        assert clean("张\u3000𠮷") == "张𠮷"
        assert clean("王 \ue863") == "王䶮"


class TestInvisible:
    @pytest.mark.parametrize("char", INVISIBLE, ids=ascii)
    @pytest.mark.parametrize("spelling", ["张{}三", "{}张三", "张三{}"])
    def test_nothing_that_cannot_be_seen(self, spelling: str, char: str) -> None:
        assert clean(spelling.format(char)) == "张三"

    @pytest.mark.parametrize("nothing", ["", " ", "\u3000", "\u200b\ufeff", "\x00"], ids=ascii)
    def test_a_name_of_nothing_is_empty(self, nothing: str) -> None:
        assert clean(nothing) == ""


class TestCharacters:
    @pytest.mark.parametrize(
        ("name", "cleaned"),
        [
            ("ＭＡＲＹ　ＳＭＩＴＨ", "MARY SMITH"),
            ("Ｍａｒｙ", "Mary"),
            ("张三２", "张三2"),
            ("\uf900", "豈"),  # compatibility ideographs
            ("\uf9d1", "六"),
            ("⻢⼩⻰", "马小龙"),  # radicals, as copied from a PDF
            ("⻩⼤⺠", "黄大民"),
            ("JOSE\u0301", "JOSÉ"),
            ("O’BRIEN", "O'BRIEN"),
            ("SMITH‑JONES", "SMITH-JONES"),
        ],
    )
    def test_one_code_point_each(self, name: str, cleaned: str) -> None:
        assert clean(name) == cleaned

    def test_gbk_s_private_use(self) -> None:
        """By Python's own table, where it has one."""
        for place, trail in enumerate(TRAILS):
            private = 0xE815 + place
            told = bytes([0xFE, trail]).decode("gb18030")
            expected = KEPT_BY_PYTHON.get(private, ord(told))
            assert not 0xE000 <= expected <= 0xF8FF
            assert (private in KEPT_BY_PYTHON) == (ord(told) == private)
            assert clean(chr(private)) == unicodedata.normalize("NFKC", chr(expected)), hex(private)

    def test_as_people_are_called(self) -> None:
        assert clean("王\ue863") == "王䶮"
        assert clean("\ue819") != ""

    def test_other_private_use_is_left(self) -> None:
        assert clean("王\ue000") == "王\ue000"


class TestTheSame:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("张三", "张　三"),
            ("张三", "张\u200b三 "),
            ("买买提·艾力", "买买提．艾力"),
            ("MARY ANN SMITH", "Mary Ann  Smith"),
            ("MARY ANN SMITH", "ｍａｒｙ　ａｎｎ　ｓｍｉｔｈ"),
            ("GROß", "GROSS"),
            ("王䶮", "王\ue863"),
            ("葛", "葛\U000e0100"),
        ],
    )
    def test_person(self, one: str, other: str) -> None:
        assert comparable(one) == comparable(other)


class TestNotTheSame:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("张三", "张三丰"),
            ("张三", "张二"),
            ("张三", "三张"),
            ("张三", "张"),
            ("张三", "张*"),
            ("冯", "馮"),
            ("马", "馬"),
            ("后", "後"),
            ("未", "末"),
            ("日", "曰"),
            ("己", "已"),
            ("吴", "吳"),
            ("买买提·艾力", "买买提艾力"),
            ("买买提·艾力", "买买提·艾力江"),
            ("买买提·艾力", "买买·提艾力"),
            ("MARY ANN", "MARYANN"),
            ("MARY ANN", "MARY"),
            ("JOSE", "JOSÉ"),
            ("A", "А"),  # Cyrillic
        ],
    )
    def test_person(self, one: str, other: str) -> None:
        assert comparable(one) != comparable(other)


class TestAnything:
    @given(st.text())
    @example("´")
    @example("\ud800")
    @example("A ·. B")
    def test_is_cleaned_once_for_all(self, name: str) -> None:
        assert clean(clean(name)) == clean(name)
        assert comparable(clean(name)) == comparable(name) == comparable(comparable(name))

    @given(st.text("·.。 张三AbeE\u0301\u200b\u3000\ue863•．", max_size=12))
    def test_of_what_names_are_made_of(self, name: str) -> None:
        assert clean(clean(name)) == clean(name)
        assert comparable(comparable(name)) == comparable(name)
