"""What people write by hand about a payment is kept without its patient."""

from datetime import UTC, datetime

import pytest

from domain.states import PaymentState
from storage.records import PaymentRecord
from storage.sealing import fit_to_keep
from tests.support.values.orders import outpatient
from tests.support.values.records import SETTLEMENT

AT = datetime(2026, 1, 5, tzinfo=UTC)
PAYMENT = PaymentRecord(
    order=outpatient("FREE1", pay_auth_no="AUTH-MARKER", patient_name="欧阳标记"),
    state=PaymentState.SETTLED,
    state_since=AT,
    accepted_at=AT,
    updated_at=AT,
    revision=1,
    insured_name="张三丰",
    pay_token="PAYTOKEN-MARKER",
    settlement=SETTLEMENT,
)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("已致电张三丰本人", "已致电张*本人"),
        ("已致电张　三\u200b丰本人", "已致电张*本人"),
        ("授权码auth-marker", "授权码***"),
        ("证件１１０１０１１９９００３０７０１３４无误", "证件1101**********0134无误"),
        ("欧阳标记家属来电", "欧*家属来电"),
        ("授权码 AUTH-MARKER, PAYTOKEN-MARKER", "授权码 ***, ***"),
        (f"{SETTLEMENT.revs_token}", "***"),
        ("证件110101199003070134无误", "证件1101**********0134无误"),
        ("李四 11010119900307109X 在场", "李* 1101**********109X 在场"),
        ("退药, 已核实", "退药, 已核实"),
    ],
)
def test_without_what_is_known_of_the_patient(text: str, kept: str) -> None:
    assert fit_to_keep(text, PAYMENT) == kept


def test_without_a_payment_by_what_it_looks_like() -> None:
    assert fit_to_keep("证件110101199003070134", None) == "证件1101**********0134"
