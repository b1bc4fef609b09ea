"""Whose number passes, and what is said of one that does not."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.values.identity import Document, NumberRefusedError, clean, document_of, is_same, read
from tests.support.values.people import id_no, id_no_ending_in_x

TODAY = date(2026, 11, 28)
CARD = "110101199003070134"
X_CARD = "11010119900307109X"


def refusal(text: str) -> str:
    with pytest.raises(NumberRefusedError) as refused:
        read(text, TODAY)
    return refused.value.reason


def outcome(text: str) -> tuple[str | None, str]:
    try:
        return read(text, TODAY), ""
    except NumberRefusedError as refused:
        return None, refused.reason


class TestARealNumber:
    """A number is given at registration, not at birth, and areas were divided anew again and again."""

    @pytest.mark.parametrize(
        ("area", "born", "why"),
        [
            ("460100", "19770512", "Haikou was Guangdong's until 1988"),
            ("460101", "19801001", "Hainan before it was a province"),
            ("500103", "19850307", "Chongqing was Sichuan's until 1997"),
            ("500101", "19600101", "Wanzhou"),
            ("410122", "19890615", "Zhongmou"),
            ("110199", "19900101", "a county that no list has"),
            ("110000", "19900101", "the city itself"),
            ("441900", "19921212", "Dongguan, a city without districts"),
            ("429004", "19700101", "Xiantao, under the province itself"),
            ("659001", "20010203", "Shihezi"),
            ("350128", "19900101", "Pingtan"),
            ("310119", "19880101", "Nanhui, a county that is a district now"),
            ("320586", "19931109", "an area that was dissolved"),
            ("170101", "19900101", "no province has this number"),
            ("710000", "19650420", "Taiwan, as a place of registration"),
            ("810000", "19900101", "Hong Kong"),
            ("820000", "19900101", "Macao"),
            ("830000", "19900101", "Taiwan"),
            ("911156", "19800229", "a foreigner from Beijing with an American passport"),
            ("999999", "19900101", "of nowhere"),
            ("110101", "19000101", "126 years"),
            ("110101", "18991231", "127 years"),
            ("110101", "20000229", "a leap year"),
            ("110101", "20261128", "born today"),
        ],
    )
    def test_passes(self, area: str, born: str, why: str) -> None:
        number = id_no(area, born)
        assert read(number, TODAY) == number, why

    @pytest.mark.parametrize(
        ("number", "document"),
        [
            (CARD, Document.RESIDENT_IDENTITY_CARD),
            (id_no("710000", "19650420"), Document.RESIDENT_IDENTITY_CARD),
            (id_no("800101", "19650420"), Document.RESIDENT_IDENTITY_CARD),
            (id_no("810000", "19650420"), Document.RESIDENCE_PERMIT_HONG_KONG),
            (id_no("820000", "19650420"), Document.RESIDENCE_PERMIT_MACAO),
            (id_no("830000", "19650420"), Document.RESIDENCE_PERMIT_TAIWAN),
            (id_no("911156", "19650420"), Document.FOREIGN_PERMANENT_RESIDENCE),
            (id_no("931410", "19650420"), Document.FOREIGN_PERMANENT_RESIDENCE),
        ],
    )
    def test_says_which_document_it_is_of(self, number: str, document: Document) -> None:
        assert document_of(read(number, TODAY)) is document

    def test_every_document_has_a_chinese_name(self) -> None:
        assert len({document.in_chinese for document in Document}) == len(Document)

    @given(
        st.integers(100_000, 999_999),
        st.dates(date(1800, 1, 1), TODAY),
        st.integers(0, 999),
    )
    def test_of_any_area_and_day(self, area: int, born: date, serial: int) -> None:
        number = id_no(str(area), f"{born:%Y%m%d}".rjust(8, "0"), serial)
        assert read(number, TODAY) == number


class TestASpelling:
    @pytest.mark.parametrize(
        "written",
        [
            "11010119900307109x",
            "１１０１０１１９９００３０７１０９Ｘ",
            "１１０１０１１９９００３０７１０９ｘ",
            f"  {X_CARD} ",
            f"\u3000{X_CARD}\u00a0",
            f"{X_CARD}\t\r\n",
            f"\ufeff{X_CARD}",
            f"\u202d{X_CARD}\u202c",
            f"{X_CARD}\x00",
            "110101 19900307 109X",
            "110101-19900307-109X",
            "110101–19900307–109X",
            "1101011990\u200b0307109X",
            "11010119900307109×",
            "11010119900307109Х",  # Cyrillic
            "11010119900307109Ⅹ",  # the Roman ten
        ],
        ids=ascii,
    )
    def test_is_of_the_same_number(self, written: str) -> None:
        assert read(written, TODAY) == X_CARD
        assert is_same(X_CARD, written)

    @pytest.mark.parametrize("number", [CARD, X_CARD])
    def test_one_clean_form(self, number: str) -> None:
        assert clean(clean(f" {number.lower()}")) == number

    def test_his_file_from_before_1999(self) -> None:
        assert is_same(CARD, "110101900307013")
        assert is_same(X_CARD, "１１０１０１９００３０７１０９")

    @pytest.mark.parametrize(
        ("number", "written"),
        [
            (CARD, X_CARD),
            (CARD, "110101900307014"),
            (CARD, CARD[:-1]),
            (CARD, ""),
            (CARD, "1101**********0134"),
            (id_no("110101", "20900307", 13), "110101900307013"),
            (id_no("110101", "18900307", 13), "110101900307013"),
            (id_no("810000", "19900307", 13), "810000900307013"),
        ],
    )
    def test_another_number_is_another_one(self, number: str, written: str) -> None:
        assert not is_same(number, written)


class TestAWrongNumber:
    @pytest.mark.parametrize(
        "born",
        ["19900230", "19901301", "19900001", "19900100", "19900431", "19010229", "21000101", "20261129", "17991231"],
    )
    def test_a_day_that_is_none_or_has_not_come(self, born: str) -> None:
        assert refusal(id_no("110101", born)) == "不正确: 出生日期有误"

    def test_a_wrong_check_character(self) -> None:
        right = "4"
        for last in set("0123456789X") - {right}:
            assert refusal(CARD[:-1] + last) == "不正确: 校验码有误"

    @pytest.mark.parametrize("place", range(17))
    def test_any_digit_mistyped(self, place: int) -> None:
        for digit in set("0123456789") - {CARD[place]}:
            assert refusal(CARD[:place] + digit + CARD[place + 1 :]).startswith("不正确")

    @pytest.mark.parametrize("place", range(16))
    def test_any_two_digits_exchanged(self, place: int) -> None:
        exchanged = CARD[:place] + CARD[place + 1] + CARD[place] + CARD[place + 2 :]
        assert exchanged == CARD or refusal(exchanged).startswith("不正确")

    @pytest.mark.parametrize(
        "text",
        ["", "X", "1" * 17, "1" * 19, "X10101199003070134", "0" * 18, "张三", "1" * 64, CARD * 2, "12345", "1234567"],
    )
    def test_another_shape(self, text: str) -> None:
        assert refusal(text).startswith("不正确: 须为18位号码")


class TestAnotherDocument:
    """Named for what it is: nobody searches a passport for a wrong digit."""

    @pytest.mark.parametrize(
        ("number", "named"),
        [
            ("110101900307013", "15位旧身份证号, 请填写18位号码"),
            ("H12345678", "港澳居民来往内地通行证"),
            ("h1234567801", "港澳居民来往内地通行证"),
            ("Ｈ１２３４５６７８", "港澳居民来往内地通行证"),
            ("M87654321", "港澳居民来往内地通行证"),
            ("M 87654321 00", "港澳居民来往内地通行证"),
            ("12345678", "台湾居民来往大陆通行证"),
            ("0012345678", "台湾居民来往大陆通行证"),
            ("0012345678(B)", "台湾居民来往大陆通行证"),
            ("USA110178120101", "旧版外国人永久居留证(15位)"),
            ("A123456(3)", "香港永久性居民身份证"),
            ("Z683365（5）", "香港永久性居民身份证"),
            ("5123456(7)", "澳门居民身份证"),
            ("A123456789", "台湾身份证、出生医学证明"),
            ("军字第1234567号", "军官证、警官证、士兵证等"),
            ("南字第01234567号", "军官证、警官证、士兵证等"),
            ("军官证1234567", "军官证、警官证、士兵证等"),
            ("E12345678", "护照"),
            ("EA1234567", "护照"),
            ("G12345678", "护照"),
            ("123456789", "护照"),
            ("C01X00T47", "护照"),
            ("H1234567", "护照"),
        ],
    )
    def test_is_named(self, number: str, named: str) -> None:
        reason = refusal(number)
        assert reason.startswith(f"暂不支持{named}; 支持: 居民身份证")
        assert "校验" not in reason


class TestAnything:
    @given(st.text() | st.text("0123456789XxHMＸ×()字第号 -", max_size=24))
    def test_is_a_number_or_a_refusal_in_chinese(self, text: str) -> None:
        number, reason = outcome(text)
        if number is None:
            assert reason[:1] in {"不", "暂"}
            assert len(text) < 4 or text not in reason
        else:
            assert read(number, TODAY) == number == clean(text)
            assert number.isascii()
            assert is_same(number, text)

    @given(st.text())
    def test_no_text_of_his_fails(self, text: str) -> None:
        assert isinstance(is_same(CARD, text), bool)

    def test_an_x_is_a_digit_of_the_check_alone(self) -> None:
        number = id_no_ending_in_x("810000", "19900101")
        assert read(number.lower(), TODAY) == number
