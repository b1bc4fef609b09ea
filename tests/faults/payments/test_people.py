"""Everybody who can be insured pays: each document that is served, and names and numbers as systems spell them."""

import sqlite3
from contextlib import closing
from typing import NamedTuple

import pytest

from tests.support.stack.running import Call, Stack, outpatient_call, registration_call


class Person(NamedTuple):
    """`id_no` and `name`: as the caller writes them. `sent`: the name that the centre gets."""

    patient_id: str
    id_no: str
    name: str | None
    sent: str

    def fields(self, **changes: object) -> Call:
        visit_id = f"V{self.patient_id[-1]}"
        facts: Call = {"PATIENT_ID": self.patient_id, "ID_NO": self.id_no, "PATIENT_NAME": self.name}
        return facts | {"VISIT_ID": visit_id} | changes


FROM_HONG_KONG = Person("100004", "810000198309210012", "陈大文", "陈大文")
FOREIGNER = Person("100007", "911156198607040017", "MARY ANN SMITH", "Mary Ann SMITH")
PEOPLE = [
    FROM_HONG_KONG,
    Person("100005", "８２００００１９９１０４１０００１９", "何美", "何美"),
    Person("100006", "830000 19750315 0016", "林　建国", "林建国"),
    FOREIGNER,
    Person("100008", "460100197705120014", "买买提．艾力", "买买提·艾力"),
    Person("100002", "11010119900307109x", None, "李四"),
]
ONE_EACH = pytest.mark.parametrize("person", PEOPLE, ids=[person.patient_id for person in PEOPLE])


def names_at_the_centre(stack: Stack, number: str) -> list[tuple[str, str]]:
    path = stack.embedded.settings.data_dir / "simulator-insurance.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as centre:
        query = "SELECT id_no, user_name FROM pay_order WHERE med_org_ord = ?"
        return centre.execute(query, (number,)).fetchall()


@ONE_EACH
async def test_pays(stack: Stack, number: str, person: Person) -> None:
    order = outpatient_call(number, **person.fields())
    quoted = await stack.quoted(order)
    clean = person.id_no.translate(str.maketrans("０１２３４５６７８９x", "0123456789X", " "))
    assert await stack.quoted(order | {"ID_NO": clean, "PATIENT_NAME": person.sent}) == quoted
    await stack.others.patient_pays(quoted["payOrdId"])
    await stack.settled(order, quoted["payOrdId"])
    assert (await stack.state(number), await stack.ord_stas(number)) == ("SETTLED", [6])
    assert names_at_the_centre(stack, number) == [(clean, person.sent)]


@pytest.mark.parametrize("person", [FROM_HONG_KONG, FOREIGNER], ids=["hong_kong", "foreigner"])
async def test_may_withdraw(stack: Stack, number: str, person: Person) -> None:
    """6401 names the person too."""
    await stack.quoted(registration_call(number, **person.fields(VISIT_ID=None)))
    answer = await stack.answered(f"/api/v1/payments/{number}/cancel", {})
    assert answer.outcome == (200, "")
    assert (await stack.state(number), await stack.ord_stas(number)) == ("CANCELLED", [12])


@pytest.mark.parametrize("name", ["陈大", "陈大文文", "陳大文", "陈·大文"])
async def test_not_under_another_name(stack: Stack, number: str, name: str) -> None:
    order = outpatient_call(number, **FROM_HONG_KONG.fields(PATIENT_NAME=name))
    answer = await stack.pre_settle(order)
    assert answer.outcome == (200, "PATIENT_MISMATCH")
    assert (await stack.state(number), await stack.asked_of_centre(number)) == ("REJECTED", [])
    assert (await stack.pre_settle(order)).text == answer.text


async def test_a_document_that_is_not_served_uses_up_nothing(stack: Stack, number: str) -> None:
    order = outpatient_call(number, ID_NO="H1234567801")
    assert (await stack.pre_settle(order)).outcome == (200, "INVALID_FIELD")
    assert (await stack.api.call("GET", f"/api/v1/payments/{number}")).outcome == (404, "UNKNOWN_ORDER")
    assert await stack.quoted(order | {"ID_NO": "110101199003070134"})
