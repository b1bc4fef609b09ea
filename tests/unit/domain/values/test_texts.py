"""Texts lose what nobody sees, and nothing else."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.values.texts import clean, shortened

SEPARATORS = ["\t", "\n", "\x0b", "\x0c", "\r", "\r\n", "\x1c", "\x1f", "\x85", "\u2028", "\u2029", "\n\x0b\u2028"]
UNSEEN = [
    *("\x00", "\x01", "\x08", "\x0e", "\x1b", "\x7f", "\x80", "\x84", "\x86", "\x9f", "\ufeff", "\u200b", "\u200f"),
    *("\u202a", "\u202e", "\u2060", "\u2066", "\xad", "\ud800", "\udfff", "\ufffe", "\uffff", "\ufdd0", "\U0001ffff"),
    *("\ufff9", "\U000e0041", "\u0378"),
]
SEEN = [
    *(
        "阿莫西林胶囊",
        "(0.25g×24粒)",
        "α-干扰素",
        "Ⅱ型",
        "㎎",
        "５％葡萄糖",
        "  a  b".strip(),
        "买买提·艾力",
        "张　三",
        "𠮷野家",
    ),
    *("\ue863", "\U000f0000", "é", "e\u0301", "\u00a0".join("ab"), "50μg", "①", "<b>&'\"\\/=", "~", "😀", "\ufffd"),
]


@pytest.mark.parametrize("separator", SEPARATORS)
def test_a_separator_becomes_one_blank(separator: str) -> None:
    assert clean(f"{separator}阿莫西林{separator}胶囊{separator}") == "阿莫西林 胶囊"


@pytest.mark.parametrize("unseen", UNSEEN)
def test_what_nobody_sees_goes(unseen: str) -> None:
    assert clean(f"{unseen}阿莫{unseen}西林{unseen}") == "阿莫西林"
    assert clean(unseen * 3) == ""


@pytest.mark.parametrize("text", SEEN)
def test_everything_else_stays(text: str) -> None:
    assert clean(text) == text


@given(st.text(st.characters()) | st.text(st.characters(max_codepoint=0xFF)) | st.text(st.sampled_from(UNSEEN)))
def test_a_clean_text_is_fit_for_every_place(text: str) -> None:
    cleaned = clean(text)
    assert clean(cleaned) == cleaned == cleaned.strip()
    assert {unicodedata.category(char) for char in cleaned} & {"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"} == set()
    assert cleaned.encode().decode() == json.loads(json.dumps(cleaned)) == cleaned


def test_a_short_text_stays_whole() -> None:
    assert shortened("字" * 128, 128) == "字" * 128


def test_a_long_one_keeps_its_beginning_and_stays_apart_from_others() -> None:
    one, other = shortened("S" * 500, 128), shortened("S" * 499 + "T", 128)
    assert len(one) == len(other) == 128
    assert one[:111] == other[:111] == "S" * 111
    assert one != other
    assert shortened(one, 128) == one
