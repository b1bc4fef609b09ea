"""From our row back to a workflow's start, and which payments a hint is for."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from api.notices.hints import EXPLAINED, Followed
from api.payments.reopening import reopening
from domain.errors import ErrorCode
from domain.insurance import PreSettlement
from domain.orders import PaymentEnd
from domain.states import PaymentState
from security.crypto.keyring import Keyring
from storage.records import PaymentRecord
from storage.session import Database
from storage.sql.migrate import upgrade
from tests.support.values.orders import SPLIT, TERMS, outpatient
from tests.support.values.records import AT, later

S = PaymentState


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    upgrade(url := f"sqlite:///{tmp_path / 'records.db'}")
    async with Database(url, Keyring.generate()) as database:
        yield database


def row(**changes: Any) -> PaymentRecord:
    known: dict[str, Any] = {
        "order": outpatient("M1", patient_name="张三"),
        "state": S.EXPIRED,
        "state_since": later(1800),
        "accepted_at": AT,
        "updated_at": later(1800),
        "revision": 7,
        "pay_ord_id": "ORD1",
        "pay_token": "TOKEN",
        "insured_name": "张三丰",
        "si_personal_no": "P1",
        "split": SPLIT,
        "window_ends_at": later(1700),
        "visit_id": "V1",
        "error_code": ErrorCode.EXPIRED,
        "error_message": "超过付款时限",
    }
    return PaymentRecord(**(known | changes))


class TestAStart:
    async def test_stands_where_the_row_does(self, database: Database) -> None:
        start = await reopening(database, row(), TERMS)
        assert start is not None
        known = start.reopened
        assert known is not None
        assert (start.order, start.terms) == (outpatient("M1", patient_name="张三"), TERMS)
        assert (known.state, known.revision, known.visit_id) == (S.EXPIRED, 7, "V1")
        assert (known.accepted_at, known.state_since) == (AT, later(1800))
        assert known.end == PaymentEnd(state=S.EXPIRED, code=ErrorCode.EXPIRED, message="超过付款时限")
        assert known.pre_settlement == PreSettlement(
            pay_ord_id="ORD1", split=SPLIT, balance_fen=None, window_ends_at=later(1700)
        )

    async def test_names_the_patient_as_the_centre_knows_him(self, database: Database) -> None:
        for name, asked in (("张三丰", "张三丰"), ("", "张三")):
            start = await reopening(database, row(insured_name=name), TERMS)
            assert start is not None
            assert start.reopened is not None
            assert (start.reopened.patient.name, start.reopened.patient.psn_no) == (asked, "P1")

    async def test_without_a_split_has_none(self, database: Database) -> None:
        start = await reopening(database, row(split=None, window_ends_at=None), TERMS)
        assert start is not None
        assert start.reopened is not None
        assert start.reopened.pre_settlement is None

    @pytest.mark.parametrize(
        "changes",
        [{"pay_ord_id": None}, {"pay_token": None}, {"insured_name": "", "order": outpatient("M1")}],
        ids=["no order", "no token", "no name"],
    )
    async def test_is_none_where_the_centre_cannot_be_asked(self, database: Database, changes: dict[str, Any]) -> None:
        assert await reopening(database, row(**changes), TERMS) is None


class TestAHint:
    def test_every_answer_has_its_words(self) -> None:
        assert EXPLAINED.keys() == set(Followed)
