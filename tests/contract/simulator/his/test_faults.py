"""Every fault that HIS can be told to have, at every operation: what we see, and what HIS did all the same."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from domain.errors import Outcome, Refused, RemoteCallError, Unknown
from domain.values.fen import Fen
from gateways.his.http import HttpHospitalSystem
from gateways.his.port import HisRefund
from gateways.http import HttpCaller
from tests.support.parties.his_simulator import HisSimulator, his_simulator
from tests.support.values.his_payments import his_payment, his_registration
from tests.support.waiting import eventually

Call = Callable[[HttpHospitalSystem], Awaitable[object]]
CALLS: dict[str, Call] = {
    "patient": lambda his: his.patient("100001"),
    "registration_fees": lambda his: his.registration_fees("200001", "100001"),
    "prescription_fees": lambda his: his.prescription_fees(("300002",), "100001"),
    "visit": lambda his: his.visit_patient("V1"),
    "register": lambda his: his.register(his_registration("F1")),
    "registration_query": lambda his: his.registration_query("F1"),
    "settle": lambda his: his.settle(his_payment("F1", 12850)),
    "settlement_query": lambda his: his.settlement_query("F1"),
    "cancel_registration": lambda his: his.cancel_registration("F0", "V10001", "100001"),
    "refund": lambda his: his.refund(HisRefund(med_org_ord="F1", refund_no="F1", total_fen=Fen(1))),
}
WITHOUT_MED_ORG_ORD = {"patient", "registration_fees", "prescription_fees", "visit"}
BOOKS = {"register": "registrations", "settle": "settlements"}
KINDS = {
    "refuse": (Outcome.REFUSED, "refused", False),
    "http_500": (Outcome.UNKNOWN, "failed", False),
    "drop_before": (Outcome.UNKNOWN, "failed", False),
    "drop_after": (Outcome.UNKNOWN, "applied", True),
    "garbage": (Outcome.UNKNOWN, "applied", True),
}
"""What we see, the log's verdict, and whether HIS did it."""


@pytest.fixture
async def simulator(tmp_path: Path) -> AsyncIterator[HisSimulator]:
    async with his_simulator(tmp_path / "his.db") as simulator:
        yield simulator


@pytest.fixture
async def his(http: HttpCaller, simulator: HisSimulator) -> HttpHospitalSystem:
    """There is a visit V10001 to be taken back."""
    his = HttpHospitalSystem(http, simulator.url, timeout_s=5)
    assert await his.register(his_registration("F0")) == "V10001"
    return his


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("txn", CALLS)
async def test_a_fault_once_and_then_no_more(
    his: HttpHospitalSystem, simulator: HisSimulator, txn: str, kind: str
) -> None:
    outcome, verdict, done = KINDS[kind]
    await simulator.fault(txn, kind, message="医院系统维护")
    with pytest.raises(RemoteCallError) as caught:
        await CALLS[txn](his)
    assert (caught.value.outcome, caught.value.transaction) == (outcome, txn)
    if isinstance(caught.value, Refused):
        assert (caught.value.message, caught.value.reason) == ("医院系统维护", "")
    if txn in BOOKS:
        assert len(await simulator.rows(f"/_sim/{BOOKS[txn]}?medOrgOrd=F1")) == int(done)
    call = (await simulator.rows("/_sim/calls"))[-1]
    assert (call["txn"], call["verdict"], call["fault"]) == (txn, verdict, kind)

    await CALLS[txn](his)
    call = (await simulator.rows("/_sim/calls"))[-1]
    assert call["txn"] == txn
    assert call["verdict"] in {"applied", "replayed"}
    assert not call.get("fault")


@pytest.mark.parametrize("txn", BOOKS)
async def test_slower_than_we_wait_is_booked_all_the_same(http: HttpCaller, simulator: HisSimulator, txn: str) -> None:
    await simulator.fault(txn, "delay", seconds=1.5)
    with pytest.raises(Unknown):
        await CALLS[txn](HttpHospitalSystem(http, simulator.url, timeout_s=0.2))
    assert await simulator.rows(f"/_sim/{BOOKS[txn]}?medOrgOrd=F1") == []

    async def booked() -> bool:
        return len(await simulator.rows(f"/_sim/{BOOKS[txn]}?medOrgOrd=F1")) == 1

    await eventually(booked)


@pytest.mark.parametrize("txn", sorted(set(CALLS) - set(BOOKS) - {"cancel_registration"}))
async def test_slow_but_in_time_is_an_answer(his: HttpHospitalSystem, simulator: HisSimulator, txn: str) -> None:
    await simulator.fault(txn, "delay", seconds=0.05)
    await CALLS[txn](his)
    assert (await simulator.rows("/_sim/calls"))[-1]["fault"] == "delay"


async def test_for_ever_until_it_is_lifted(his: HttpHospitalSystem, simulator: HisSimulator) -> None:
    await simulator.fault("visit", "refuse", times=-1, message="停诊")
    for _ in range(3):
        with pytest.raises(Refused, match="停诊"):
            await his.visit_patient("V1")
    assert await his.patient("100001")
    await simulator.control("DELETE", "/_sim/faults")
    assert await his.visit_patient("V1") == "100001"


@pytest.mark.parametrize("fault", [{"txn": "6201", "kind": "refuse"}, {"txn": "settle", "kind": "wrong_amount"}])
async def test_faults_of_the_centre_are_not_ours(simulator: HisSimulator, fault: dict[str, str]) -> None:
    status, _ = await simulator.control("POST", "/_sim/faults", {**fault, "times": 1})
    assert status == 422


async def test_calls_are_listed_by_their_payment(his: HttpHospitalSystem, simulator: HisSimulator) -> None:
    for call in CALLS.values():
        await call(his)
    rows = await simulator.rows("/_sim/calls?medOrgOrd=F1")
    expected = [txn for txn in CALLS if txn not in WITHOUT_MED_ORG_ORD | {"cancel_registration"}]
    assert [row["txn"] for row in rows] == expected
    assert {row["verdict"] for row in rows} == {"applied"}
    assert all(row["at"] for row in rows)
    refused = [row["txn"] for row in await simulator.rows("/_sim/calls") if row["verdict"] == "refused"]
    assert refused == []


async def test_ready(simulator: HisSimulator) -> None:
    status, _ = await simulator.control("GET", "/_sim/health")
    assert status == 200
