"""Last of the folder: what all those payments left in our database, in Temporal's, and in the logs holds no secret."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.stack.running import AUTH_MARKER, Stack, outpatient_call, registration_call

ZHANG_ID_NO = "110101199003070134"


def secrets_of_the_centre(folder: Path) -> set[str]:
    """Everything personal or secret that it knows of our payments, in clear text."""
    with closing(sqlite3.connect(f"file:{folder / 'simulator-insurance.db'}?mode=ro", uri=True)) as centre:
        rows = centre.execute("SELECT pay_token, id_no, user_name, coalesce(revs_token, '') FROM pay_order").fetchall()
        authorisations = centre.execute("SELECT pay_auth_no FROM authorisation").fetchall()
    return {value for row in [*rows, *authorisations] for value in row if value}


def left_behind(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each file of ours that grows with payments."""
    for path in (*folder.glob("medpay.db*"), *folder.glob("temporal.db*"), *(folder / "logs").iterdir()):
        yield path.name, path.read_bytes()


@pytest.fixture
async def troubled_payments(stack: Stack, number: str) -> dict[str, str]:
    """One of each kind of ending, and others' words that say too much. The answers, as they were read."""
    settled, reversed_ = registration_call(f"{number}-1"), outpatient_call(f"{number}-2")
    quoted = await stack.quoted(settled)
    await stack.others.patient_pays(quoted["payOrdId"])
    confirmed = await stack.settled(settled, quoted["payOrdId"])
    pay_ord_id = await stack.paid(reversed_)
    too_much = f"患者张三({ZHANG_ID_NO})的处方已作废"
    await stack.others.break_his(txn="settle", kind="refuse", times=-1, message=too_much)
    told = [(await stack.settle(reversed_, pay_ord_id)).text]
    await stack.others.break_his(txn="prescription_fees", kind="refuse", times=1, message=too_much)
    told.append((await stack.pre_settle(outpatient_call(f"{number}-3"))).text)
    spoken = f"参保人张三 {ZHANG_ID_NO} 的授权码{AUTH_MARKER}-{number}-4无效"
    await stack.others.break_centre(txn="6201", kind="refuse", times=1, message=spoken)
    told.append((await stack.pre_settle(outpatient_call(f"{number}-4"))).text)
    told.append((await stack.pre_settle(outpatient_call(f"{number}-5", PATIENT_NAME="欧阳标记"))).text)
    return {"revsToken": confirmed["revsToken"], "siPersonalNo": quoted["siPersonalNo"], "told": "\n".join(told)}


async def test_no_secret_is_left_behind(stack: Stack, troubled_payments: dict[str, str]) -> None:
    folder = stack.embedded.settings.data_dir
    markers = secrets_of_the_centre(folder) | {AUTH_MARKER, "欧阳标记", troubled_payments["siPersonalNo"]}
    assert {"张三", ZHANG_ID_NO, troubled_payments["revsToken"]} <= markers
    needles = {form for marker in markers for form in (marker.encode(), marker.encode("unicode_escape"))}
    files = dict(left_behind(folder))
    assert {"medpay.db", "temporal.db", "api.log", "worker.log"} <= files.keys()
    found = {(name, needle) for name, content in files.items() for needle in needles if needle in content}
    assert found == set()


async def test_callers_are_told_no_secret(troubled_payments: dict[str, str]) -> None:
    told = troubled_payments["told"]
    assert told.count('"CODE":-1') == 4
    assert not any(secret in told for secret in (ZHANG_ID_NO, AUTH_MARKER, "张三", "欧阳标记"))
