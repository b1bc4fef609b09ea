"""A known name is found however others write it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.http import shown
from security.masking.spellings import hide_spellings
from tests.unit.domain.values.test_names import BLANKS, DOTS, INVISIBLE

ETHNIC = "买买提·艾力"


def hidden(text: str, *secrets: str) -> str:
    return hide_spellings(text, dict.fromkeys(secrets, "***"))


class TestFound:
    @pytest.mark.parametrize(
        ("spelled", "name"),
        [
            ("张三", "张三"),
            ("张　三", "张三"),
            ("张\u200b三", "张三"),
            ("张三", "张　三"),
            ("买买提•艾力", ETHNIC),
            ("买买提．艾力", ETHNIC),
            ("买买提 · 艾力", ETHNIC),
            ("买买提艾力", ETHNIC),
            ("王\ue863", "王䶮"),
            ("王䶮", "王\ue863"),
            ("⻢小⻰", "马小龙"),
            ("ＭＡＲＹ　ＳＭＩＴＨ", "Mary Smith"),
            ("mary smith", "MARY SMITH"),
            ("MARYSMITH", "MARY SMITH"),
            ("JOSÉ", "JOSE\u0301"),
            ("1101 0119 9003 0710 9x", "11010119900307109X"),
            ("110101-19900307-109x", "11010119900307109X"),
            ("１１０１０１－１９９００３０７－１０９Ｘ", "11010119900307109X"),
            ("1101 0000-0000 0010–0001", "11010000000000100001"),
            ("Zhang-San", "ZHANG SAN"),
        ],
    )
    def test_in_any_spelling(self, spelled: str, name: str) -> None:
        assert hidden(f"患者{spelled}不符", name) == "患者***不符"
        assert hidden(spelled, name) == "***"
        assert shown(f"患者{spelled}不符", [name]) == "患者***不符"

    @pytest.mark.parametrize("between", [*BLANKS, *INVISIBLE, *DOTS], ids=ascii)
    def test_with_anything_between(self, between: str) -> None:
        assert hidden(f"参保人张{between}三未参保", "张三") == "参保人***未参保"

    def test_as_often_as_it_stands(self) -> None:
        assert hidden("张三, 张 三, 张三丰", "张三") == "***, ***, ***丰"

    def test_the_longest_first(self) -> None:
        assert hidden("张三丰和张三", "张三", "张三丰") == "***和***"

    def test_two_that_overlap_as_one(self) -> None:
        assert hidden("xabcx", "ab", "bc") == "x***x"

    def test_each_shows_what_may_be_seen_of_it(self) -> None:
        text = "买买提．艾力 AUTH-1 11010119900307109x"
        known = {ETHNIC: "买*", "AUTH-1": "***", "11010119900307109X": "1101**********109X"}
        assert hide_spellings(text, known) == "买* *** 1101**********109X"


class TestNotFound:
    @pytest.mark.parametrize("text", ["", "张", "李四", "三张", "张二三", "医保中心繁忙"])
    def test_another_text_stays_as_it_is(self, text: str) -> None:
        assert hidden(text, "张三") == text

    @pytest.mark.parametrize("nothing", ["", " ", "·", "\u200b"], ids=ascii)
    def test_a_secret_of_nothing_hides_nothing(self, nothing: str) -> None:
        assert hidden("患者 张三 · 不符", nothing) == "患者 张三 · 不符"


class TestAnything:
    @given(st.text(), st.text(max_size=5), st.text())
    def test_nothing_of_it_is_left(self, before: str, name: str, after: str) -> None:
        shown_text = hidden(before + name + after, name)
        assert hidden(shown_text.replace("***", "\n@@@\n"), name) == shown_text.replace("***", "\n@@@\n") or "@" in name

    @given(st.text())
    def test_an_unknown_text_is_untouched(self, text: str) -> None:
        assert hidden(text, "\U0010fffd\U0010fffd") == text
