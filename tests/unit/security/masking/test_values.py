from dataclasses import dataclass
from typing import Any

import pytest

from security.masking.values import MASK, mask, mask_id_no, mask_name, mask_text
from tests.support.values.orders import PATIENT, outpatient

ID_NO = "110101199003070134"
SHOWN = "1101**********0134"


@pytest.mark.parametrize(("name", "masked"), [("张三", "张*"), ("欧阳修远", "欧*"), ("张", "张*"), ("", "")])
def test_names(name: str, masked: str) -> None:
    assert mask_name(name) == masked


@pytest.mark.parametrize(
    ("id_no", "masked"), [(ID_NO, SHOWN), ("11010119900307109X", "1101**********109X"), ("1234", MASK), ("", "")]
)
def test_id_numbers(id_no: str, masked: str) -> None:
    assert mask_id_no(id_no) == masked


class TestByKey:
    @pytest.mark.parametrize("key", ["id_no", "ID_NO", "idNo", "id-no", "X-Id-No".removeprefix("X-")])
    def test_an_id_number_in_any_spelling_of_its_key(self, key: str) -> None:
        assert mask({key: ID_NO}) == {key: SHOWN}

    @pytest.mark.parametrize("key", ["patient_name", "PATIENT_NAME", "userName", "psn_name", "name"])
    def test_a_name(self, key: str) -> None:
        assert mask({key: "张三"}) == {key: "张*"}

    @pytest.mark.parametrize(
        "key",
        [
            *("payAuthNo", "pay_auth_no", "pay_token", "revsToken", "ecToken", "app_secret", "private_key"),
            *("Authorization", "api_key", "X-API-Key", "password", "uldLatlnt", "psnNo", "siPersonalNo", "Cookie"),
        ],
    )
    def test_a_secret_is_not_shown_at_all(self, key: str) -> None:
        assert mask({key: "SECRET-MARKER", "list": {key: ["SECRET-MARKER", 7]}}) == {
            key: MASK,
            "list": {key: [MASK, MASK]},
        }

    def test_a_secret_that_holds_more_is_hidden_to_its_depth(self) -> None:
        assert mask({"app_secret": {"value": "S", "old": [b"S"]}}) == {"app_secret": {"value": MASK, "old": [MASK]}}

    def test_what_is_no_secret_stays(self) -> None:
        plain = {"medOrgOrd": "20261123000000000001", "state": "PAID", "n": 3, "ok": True, "none": None, "f": 1.5}
        assert mask(plain) == plain

    def test_an_english_name_is_a_things(self) -> None:
        assert mask({"name": "Task-12"}) == {"name": "Task-12"}


class TestValues:
    @pytest.mark.parametrize(
        "value",
        [
            outpatient("MASK1", patient_name="张三"),
            [outpatient("MASK1", patient_name="张三")],
            {"order": (outpatient("MASK1", patient_name="张三"),)},
            PATIENT,
            {"json": outpatient("MASK1", patient_name="张三").model_dump_json().encode()},
            {"repr": repr(outpatient("MASK1", patient_name="张三"))},
            {"repr": repr(PATIENT)},
            {ID_NO: 1},
            ValueError(f"patient_name='张三' id_no='{ID_NO}' payAuthNo=AUTHMASK1"),
        ],
    )
    def test_a_person_is_masked_in_every_shape(self, value: object) -> None:
        shown = str(mask({"value": value}))
        assert [marker for marker in (ID_NO, "张三", "AUTHMASK1", "116.40", "P100001") if marker in shown] == []

    def test_a_dataclass(self) -> None:
        @dataclass
        class Keys:
            app_secret: str
            org_codg: str

        assert mask(Keys("SECRET-MARKER", "H1")) == {"app_secret": MASK, "org_codg": "H1"}

    def test_what_goes_deeper_than_any_record_is_cut(self) -> None:
        circle: dict[str, Any] = {}
        circle["again"] = circle
        assert MASK in str(mask(circle))


class TestFreeText:
    @pytest.mark.parametrize(
        ("text", "masked"),
        [
            (f"患者 {ID_NO} 不符", f"患者 {SHOWN} 不符"),
            ("身份证11010119900307109x", "身份证1101**********109x"),
            ("payAuthNo=AUTH123&x=1", "payAuthNo=***&x=1"),
            ('{"payAuthNo": "AUTH 123", "x": 1}', '{"payAuthNo": "***", "x": 1}'),
            (r'{"P_JSON": "{\"idNo\": \"110101199003070134\"}"}', r'{"P_JSON": "{\"idNo\": \"1101**********0134\"}"}'),
            ("{'revs_token': 'R1', 'ID_NO': ''}", "{'revs_token': '***', 'ID_NO': ''}"),
            (r'"userName": "张\"三", "x": 1', r'"userName": "张*", "x": 1'),
            ("Authorization: Bearer abc.DEF-1", "Authorization: ***"),
            ("got Bearer abc.DEF-1, refused", "got Bearer ***, refused"),
            ("postgresql+asyncpg://medpay:p%40ss@db:5432/x", "postgresql+asyncpg://medpay:***@db:5432/x"),
            ("http://127.0.0.1:8101/a?b=c@d", "http://127.0.0.1:8101/a?***"),
            ("order 202611230000000000 paid", "order 202611230000000000 paid"),
            ("amount 128.50, ordStas 6", "amount 128.50, ordStas 6"),
        ],
    )
    def test_it_is_masked_and_nothing_else_is(self, text: str, masked: str) -> None:
        assert mask_text(text) == masked

    def test_a_hostile_text_takes_no_time(self) -> None:
        text = 'payAuthNo="' + "\\" * 5000 + "idNo=" * 500
        assert len(mask_text(text)) > 0
