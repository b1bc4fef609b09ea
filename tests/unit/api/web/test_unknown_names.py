"""What is logged of keys that no field has: their names, where they are names."""

from api.payments.schemas import PreSettleCall
from api.web.models import unknown_names


def test_only_what_may_be_a_fields_name_is_logged() -> None:
    fields = {"TOTAL": "1", "extra": 1, "欧阳标记": 1, "110101199003070134": 1, "a b": 1, "x" * 65: 1, "_v-1.2": 1}
    assert unknown_names(PreSettleCall, fields) == ["extra", "?", "?", "?", "?", "_v-1.2"]


def test_only_a_few() -> None:
    assert len(unknown_names(PreSettleCall, {f"k{number}": 1 for number in range(50)})) == 20
