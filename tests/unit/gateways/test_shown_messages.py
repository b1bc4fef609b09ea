"""Another system's words, before anybody sees them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.http import MESSAGE_CHARS_MAX, shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("预结算金额不匹配", "预结算金额不匹配"),
        ("  a\t b\r\nc\x00\u3000d\u200b ", "a b c d"),
        ("证件110101199003070134不存在", "证件***不存在"),
        ("证件11010119900307109x, 电话13800138000", "证件***, 电话***"),
        ("证件１１０１０１１９９００３０７１０９Ｘ不存在", "证件***不存在"),
        ("证件110101 19900307 0134, 110101-19900307-0134", "证件***, ***"),
        ("证件810000199003070138, 911156199003070134", "证件***, ***"),
        ("旧号110101900307013", "旧号***"),
        ("NO110101199003070134X", "NO1101**********0134X"),
        ("证件１１０１０１－１９９００３０７－１０９Ｘ不存在", "证件***不存在"),
        ("证件1101 0119 9003 0701 34不存在", "证件1101 **** **** **01 34不存在"),
        (
            "电话138-0013-8000, +86 138 0013 8000, １３８００１３８０００",
            "电话***, +86 ***, ***",
        ),
        ("个人编号11010000000000100001不存在", "个人编号***不存在"),
        ("人员编号：P100001 未参保, psnNo=P100001", "人员编号：*** 未参保, psnNo=***"),
        ("号码11010000000000100001重复", "号码***重复"),
        ("患者姓名：张三, 授权码=AUTH-1", "患者姓名：张*, 授权码=***"),
        ("订单ORD20260105000000000001", "订单ORD20260105000000000001"),
        ("金额1999.99", "金额1999.99"),
        ("", ""),
        (" \n ", ""),
    ],
)
def test_on_one_line_without_what_is_personal(text: str, expected: str) -> None:
    assert shown(text) == expected


def test_secrets_go_the_longest_first() -> None:
    assert shown("AUTH12 of AUTH1", ["AUTH1", "", "AUTH12"]) == "*** of ***"


@given(st.text(max_size=300))
def test_always_printable_and_short(text: str) -> None:
    words = shown(text)
    assert len(words) <= MESSAGE_CHARS_MAX
    assert words.isprintable()
