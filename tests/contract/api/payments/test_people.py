"""Whom interface 1 turns away at once, by name, and whom it lets through to the payment."""

import pytest

from domain.values.identity import Document
from tests.support.stack.api_server import PRE_SETTLE, ApiServer, bill
from tests.support.values.people import NUMBERS, id_no

OTHERS = [document for document in Document if document is not Document.RESIDENT_IDENTITY_CARD]
NOT_SERVED = [
    ("110101900307013", "暂不支持15位旧身份证号"),
    ("H12345678", "暂不支持港澳居民来往内地通行证"),
    ("12345678", "暂不支持台湾居民来往大陆通行证"),
    ("USA110178120101", "暂不支持旧版外国人永久居留证"),
    ("E12345678", "暂不支持护照"),
    ("军字第1234567号", "暂不支持军官证"),
    ("110101199003070135", "不正确: 校验码有误"),
    ("110101299003070134", "不正确: 出生日期有误"),
    ("张三", "不正确: 须为18位号码"),
    ("１" * 64, "不正确: 须为18位号码"),
    ("1" * 65, "不能超过64个字符"),
]


@pytest.mark.parametrize("document", OTHERS)
async def test_a_document_that_the_centre_has_no_code_for(api: ApiServer, document: Document) -> None:
    answer = await api.post(PRE_SETTLE, bill(ID_NO=NUMBERS[document]))
    assert answer.outcome == (200, "INVALID_FIELD")
    assert answer.json["MSG"] == f"身份证号(ID_NO)是{document.in_chinese}号码, 本院的医保中心暂不支持该证件"


@pytest.mark.parametrize(("number", "reason"), NOT_SERVED)
async def test_a_number_that_is_none_of_ours(api: ApiServer, number: str, reason: str) -> None:
    answer = await api.post(PRE_SETTLE, bill(ID_NO=number))
    assert answer.outcome == (200, "INVALID_FIELD")
    assert answer.json["MSG"].startswith(f"身份证号(ID_NO){reason}")
    assert number not in answer.text


@pytest.mark.parametrize(
    ("area", "born"),
    [
        ("460100", "19770512"),
        ("500103", "19850307"),
        ("410122", "19890615"),
        ("110199", "19900101"),
        ("100000", "19900101"),
        ("999999", "19900101"),
    ],
)
async def test_no_number_is_too_much_for_us(api: ApiServer, area: str, born: str) -> None:
    """Nothing listens where Temporal should: whoever passes the checks gets that far."""
    answer = await api.post(PRE_SETTLE, bill(ID_NO=id_no(area, born)))
    assert answer.outcome == ((200, "INVALID_FIELD") if area.startswith("9") else (503, "UNAVAILABLE"))
