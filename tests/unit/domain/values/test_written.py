"""Texts, secrets and base64 in the forms that editors, shells and Java put them into."""

import base64

import pytest

from domain.values.written import answered_text, bare, from_base64, text_of

BYTES = bytes(range(70))
BASE64 = base64.b64encode(BYTES).decode()
CHINESE = '{"MSG": "处方不存在"}'


class TestFiles:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
    def test_utf8_with_and_without_a_byte_order_mark(self, encoding: str) -> None:
        assert text_of("密钥 = 1\r\n".encode(encoding)) == "密钥 = 1\r\n"

    @pytest.mark.parametrize(
        ("content", "likeness"),
        [
            ("密钥".encode("gbk"), "is not UTF-8 text, but looks like GBK"),
            ("key".encode("utf-16"), "looks like UTF-16"),
            (b"\xfe\xff" + "key".encode("utf-16-be"), "looks like UTF-16"),
            ("key".encode("utf-16-le"), "looks like UTF-16"),
            (b"key \xff\xff", "is not UTF-8 text: save it as UTF-8"),
        ],
        ids=["GBK", "UTF-16 LE", "UTF-16 BE", "UTF-16 without its mark", "neither"],
    )
    def test_anything_else_is_named(self, content: bytes, likeness: str) -> None:
        with pytest.raises(ValueError, match=likeness):
            text_of(content)


class TestBare:
    @pytest.mark.parametrize(
        "written", ["s e", "s e\n", "s e\r\n", "\ufeffs e", " \ts e　", "\ufeff s e\r\n\r\n", "s e\0", "\u200bs e"]
    )
    def test_what_stands_around_a_secret_is_no_part_of_it(self, written: str) -> None:
        assert bare(written) == "s e"

    @pytest.mark.parametrize("written", ["", " \r\n", "\ufeff"])
    def test_nothing_stays_nothing(self, written: str) -> None:
        assert bare(written) == ""


class TestBase64:
    @pytest.mark.parametrize(
        "written",
        [
            BASE64,
            f"{BASE64[:76]}\r\n{BASE64[76:]}\r\n",
            f"{BASE64[:64]}\n{BASE64[64:]}\n",
            f" {BASE64[:10]} {BASE64[10:]}　",
            f"\ufeff{BASE64}",
            "\t".join(BASE64),
        ],
        ids=["as it is", "MIME", "PEM", "blanks", "byte order mark", "tabs"],
    )
    def test_line_breaks_and_blanks_are_skipped(self, written: str) -> None:
        assert from_base64(written) == BYTES

    @pytest.mark.parametrize(
        ("written", "reason"),
        [
            ("-_8=", "URL-safe"),
            ("ab-_", "URL-safe"),
            ("YWI", "missing at its end"),
            (BASE64.rstrip("="), "missing at its end"),
            ("YQ==YQ==", "not base64"),
            ("Y=Q=", "not base64"),
            ("密钥", "not base64"),
            ("YWI!", "not base64"),
            ("YW\u200bI=", "not base64"),
            ("[1, 2]", "not base64"),
            ("a+b_", "not base64"),
        ],
    )
    def test_anything_else_is_refused_without_repeating_it(self, written: str, reason: str) -> None:
        with pytest.raises(ValueError, match=reason) as caught:
            from_base64(written)
        assert written not in str(caught.value)


class TestAnswers:
    @pytest.mark.parametrize(
        "charset",
        ["GBK", "gbk", "gb2312", "GB18030", "cp936", "x-gbk", "MS936", "windows-936", '"GBK"', " 'gb_2312-80' "],
    )
    def test_gbk_where_it_says_so(self, charset: str) -> None:
        assert answered_text(CHINESE.encode("gbk"), charset) == CHINESE

    def test_what_only_gb18030_has(self) -> None:
        assert answered_text("龦㐀𠮷".encode("gb18030"), "GBK") == "龦㐀𠮷"

    def test_a_name_whose_gbk_happens_to_be_utf8(self) -> None:
        """What the header says decides."""
        assert "医院".encode("gbk").decode("utf-8") == "ҽԺ"
        assert answered_text("医院".encode("gbk"), "gbk") == "医院"

    @pytest.mark.parametrize("charset", [None, "", "utf-8", "UTF8", "iso-8859-1", "us-ascii", "rot13", "no\0such", "…"])
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
    def test_otherwise_utf8_whatever_the_name(self, charset: str | None, encoding: str) -> None:
        assert answered_text(CHINESE.encode(encoding), charset) == CHINESE

    @pytest.mark.parametrize("charset", [None, "utf-8", "iso-8859-1", "zip", "unicode_escape", "big5"])
    def test_gbk_that_does_not_say_so_is_not_guessed(self, charset: str | None) -> None:
        with pytest.raises(UnicodeDecodeError):
            answered_text(CHINESE.encode("gbk"), charset)

    def test_utf8_that_calls_itself_gbk(self) -> None:
        assert answered_text(CHINESE.encode(), "gbk") == CHINESE

    def test_gbk_that_is_none(self) -> None:
        with pytest.raises(UnicodeDecodeError):
            answered_text(b'{"a": "\xff\xff"}', "gbk")
