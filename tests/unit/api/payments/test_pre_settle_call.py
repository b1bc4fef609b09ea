"""Interface 1's rules, field by field."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.payments.schemas import PreSettleCall, check_document
from api.web.body import Fields, parse_fields
from api.web.models import fields_of, title_of
from domain.errors import ErrorCode, PaymentError
from domain.orders import Category, Channel, Order
from domain.values.fen import Fen
from domain.values.identity import Document
from tests.support.stack.api_server import bill
from tests.support.values.people import NUMBERS, id_no

ABSENT = None
REQUIRED = ("payAuthNo", "uldLatlnt", "PATIENT_ID", "CATEGORY", "ORDER_ID", "ID_NO", "medOrgOrd", "TOTAL")
NAMES = [name for name, _ in fields_of(PreSettleCall)]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


def read(**changes: object) -> Order:
    return PreSettleCall.read(parse_fields(json.dumps(bill(**changes)))).order("main")


def refusal(**changes: object) -> PaymentError:
    with pytest.raises(PaymentError) as refused:
        read(**changes)
    return refused.value


def order_or_refusal(changes: dict[str, Any]) -> Order | PaymentError:
    try:
        return read(**changes)
    except PaymentError as error:
        return error


class TestAValidCall:
    def test_of_a_bill(self) -> None:
        order = read()
        assert order == Order(
            hospital="main",
            med_org_ord="M1",
            pay_auth_no="AUTH-MARKER-1",
            uld_latlnt="116.40,39.90",
            patient_id="100001",
            category=Category.OUTPATIENT,
            id_no="110101199003070134",
            patient_name="张三",
            total_fen=Fen(12850),
            channel=Channel.WECHAT,
            order_ids=("300001",),
        )

    def test_of_a_registration(self) -> None:
        order = read(CATEGORY=1, CLINIC_ID=200001, ORDER_ID=ABSENT, TOTAL="25", CHANNEL="Alipay")
        assert (order.category, order.clinic_id, order.order_ids) == (Category.REGISTRATION, "200001", ())
        assert (order.total_fen, order.channel) == (2500, Channel.ALIPAY)

    def test_takes_numbers_as_text(self) -> None:
        as_numbers = read(PATIENT_ID=100001, CATEGORY=2, ORDER_ID=300001, ID_NO=110101199003070134, TOTAL=128.5)
        assert as_numbers == read()

    def test_is_trimmed(self) -> None:
        spaced = {f" {name}\t": f"\u3000 {value} \n" for name, value in bill().items()}
        assert PreSettleCall.read(parse_fields(json.dumps(spaced))).order("main") == read()

    def test_takes_a_small_x_for_the_check_digit(self) -> None:
        assert read(ID_NO="11010119900307109x").id_no == "11010119900307109X"

    def test_takes_any_spelling_of_a_number(self) -> None:
        for written in (
            "１１０１０１１９９００３０７１０９ｘ",
            "\u3000110101 19900307 109X\u200b",
            "\ufeff11010119900307109×",
        ):
            assert read(ID_NO=written) == read(ID_NO="11010119900307109X")

    def test_takes_a_real_number_whatever_its_area(self) -> None:
        for area in ("460100", "500103", "410122", "110199", "810000", "830000", "911156"):
            assert read(ID_NO=id_no(area, "19770512")).id_no == id_no(area, "19770512")

    @pytest.mark.parametrize(
        ("written", "name"),
        [
            ("张　三", "张三"),
            ("\ufeff张\u200b三", "张三"),
            ("买买提．艾力", "买买提·艾力"),
            ("ＭＡＲＹ  ＳＭＩＴＨ", "MARY SMITH"),
            ("\u200b", None),
            ("", None),
        ],
        ids=ascii,
    )
    def test_takes_any_spelling_of_a_name(self, written: str, name: str | None) -> None:
        assert read(PATIENT_NAME=written).patient_name == name

    def test_trims_each_prescription(self) -> None:
        assert read(ORDER_ID="300002 | 300001").order_ids == ("300002", "300001")

    def test_keeps_the_other_category_s_field_out(self) -> None:
        assert read(CLINIC_ID="200001").clinic_id is None
        assert read(CATEGORY="1", CLINIC_ID="200001").order_ids == ()


class TestAMissingField:
    @pytest.mark.parametrize("name", REQUIRED)
    @pytest.mark.parametrize("value", [ABSENT, "", "  \u3000"])
    def test_is_named_in_both_spellings(self, name: str, value: object) -> None:
        error = refusal(**{name: value})
        title = title_of(PreSettleCall, name)
        assert (error.code, error.message) == (ErrorCode.MISSING_FIELD, f"{title}不能为空")

    def test_is_a_null_one_too(self) -> None:
        fields: Fields = parse_fields(json.dumps(bill() | {"PATIENT_ID": None}))
        with pytest.raises(PaymentError, match=r"MISSING_FIELD: 患者ID\(PATIENT_ID\)不能为空"):
            PreSettleCall.read(fields)

    def test_is_a_registration_s_clinic(self) -> None:
        assert refusal(CATEGORY="1").code is ErrorCode.MISSING_FIELD


class TestAnInvalidField:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            *(("TOTAL", total) for total in ("128.501", "128.500", "-1", "+1", "1E2", "1e2", "0", "0.00", "10000000")),
            *(
                ("TOTAL", total)
                for total in ("１２８", "01.00", ".5", "5.", "1,000.00", "NaN", "abc", "1 2", 1e2 * 1e10)
            ),
            *(("CATEGORY", category) for category in ("3", "0", "1.0", 3, "一", "12")),
            *(("ORDER_ID", ids) for ids in ("|", "300001|", "|300001", "300001||300002", "1|1", "1| 1")),
            *(("ORDER_ID", ids) for ids in ("x" * 129, "1|" + "x" * 129, "1|" * 1000 + "1")),
            *(("ID_NO", id_no) for id_no in ("110101199003070135", "11010119900307013", "110101900307013", "H1234567")),
            *(("ID_NO", id_no) for id_no in ("110101199013070134", "x" * 18, "1" * 65)),
            *(("medOrgOrd", number) for number in ("M 1", "订单", "x" * 65, "a/b", "a.b", "ａ")),
            *(("CHANNEL", channel) for channel in ("wechat", "UnionPay", 1)),
            *((name, "x" * 129) for name in ("PATIENT_ID", "uldLatlnt", "PATIENT_NAME", "VISIT_ID", "CLINIC_ID")),
            ("payAuthNo", "x" * 2001),
            *(("PATIENT_ID", wrong) for wrong in (True, False, {}, [], ["1"], {"a": 1}, "1\x002", "1\u202e2", "a\nb")),
            ("PATIENT_NAME", "张\ud800三"),
            ("CLINIC_ID", True),
        ],
    )
    def test_is_refused_by_name(self, name: str, value: object) -> None:
        error = refusal(**{name: value})
        title = title_of(PreSettleCall, name)
        assert error.code is ErrorCode.INVALID_FIELD
        assert error.message.startswith(title)

    def test_is_a_repeated_one_too(self) -> None:
        text = json.dumps(bill())[:-1] + ', " TOTAL ": "1.00"}'
        with pytest.raises(PaymentError, match=r"INVALID_FIELD: 总金额\(TOTAL\)重复出现"):
            PreSettleCall.read(parse_fields(text))

    @pytest.mark.parametrize(
        ("number", "reason"),
        [
            ("110101199003070135", "不正确: 校验码有误"),
            (id_no("110101", "19900230"), "不正确: 出生日期有误"),
            ("12345", "不正确: 须为18位号码"),
            ("110101900307013", "暂不支持15位旧身份证号"),
            ("E12345678", "暂不支持护照"),
            ("H1234567801", "暂不支持港澳居民来往内地通行证"),
            ("军字第1234567号", "暂不支持军官证"),
        ],
    )
    def test_says_what_is_wrong_with_a_number(self, number: str, reason: str) -> None:
        error = refusal(ID_NO=number)
        assert error.code is ErrorCode.INVALID_FIELD
        assert error.message.startswith(f"身份证号(ID_NO){reason}")

    def test_never_repeats_the_value(self) -> None:
        error = refusal(ID_NO="110101199003070135", PATIENT_NAME="王五")
        assert "110101199003070135" not in error.message

    def test_an_exponent_written_as_a_number_is_seen(self) -> None:
        text = json.dumps(bill()).replace('"128.50"', "1.285E2")
        with pytest.raises(PaymentError, match="INVALID_FIELD: 总金额"):
            PreSettleCall.read(parse_fields(text))


class TestADocument:
    """That the hospital's centre serves, or not."""

    @pytest.mark.parametrize("document", Document)
    def test_is_served_where_the_table_has_it(self, document: Document) -> None:
        check_document(NUMBERS[document], {document})

    @pytest.mark.parametrize("document", Document)
    def test_is_named_where_it_has_not(self, document: Document) -> None:
        with pytest.raises(PaymentError) as refused:
            check_document(NUMBERS[document], set(Document) - {document})
        assert refused.value.code is ErrorCode.INVALID_FIELD
        said = f"身份证号(ID_NO)是{document.in_chinese}号码, 本院的医保中心暂不支持该证件"
        assert refused.value.message == said


class TestAnyInput:
    @given(
        st.dictionaries(st.sampled_from([name for name, _ in fields_of(PreSettleCall)]), SCALARS | st.lists(SCALARS))
    )
    def test_is_an_order_or_a_refusal(self, changes: dict[str, Any]) -> None:
        outcome = order_or_refusal(changes)
        if isinstance(outcome, Order):
            # Whatever is accepted can be stored and sent.
            assert outcome.model_dump_json().encode("utf-8")
        else:
            assert outcome.code in {ErrorCode.MISSING_FIELD, ErrorCode.INVALID_FIELD}
