"""Every fault at every transaction: what the product's client makes of it, and what the centre did all the same."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import pytest

from domain.errors import Outcome, Refused, RemoteCallError, Unknown
from domain.insurance import OrderReference, RefundType
from domain.values.fen import parse_yuan
from gateways.http import HttpCaller
from gateways.insurance.client import HttpInsuranceCentre
from gateways.insurance.port import OrderPlacement, RefundRequest
from tests.support.parties.centre_simulator import SimulatedCentre, Uploaded, refund_of
from tests.support.values import centres, orders
from tests.support.waiting import eventually

TXNS = ("6201", "6202", "6203", "6301", "6401")
ORDER = orders.outpatient("F1")
AFTER = {"6201": [0], "6202": [1], "6203": [7], "6301": [1], "6401": [12]}
"""ordStas of F1's order once the transaction is applied."""

KINDS = {
    "refuse": (Outcome.REFUSED, "refused", False),
    "http_500": (Outcome.UNKNOWN, "failed", False),
    "drop_before": (Outcome.UNKNOWN, "failed", False),
    "drop_after": (Outcome.UNKNOWN, "applied", True),
    "garbage": (Outcome.UNKNOWN, "applied", True),
    "bad_signature": (Outcome.UNKNOWN, "applied", True),
}
"""What the client makes of it, the log's verdict, and whether the centre did it."""


class Payment:
    """One payment, brought to where `txn` is its next step."""

    def __init__(self, centre: SimulatedCentre, http: HttpCaller) -> None:
        self._centre = centre
        self._http = http
        self._order: Uploaded | None = None
        self._token = ""

    async def prepare(self, txn: str) -> None:
        if txn == "6202":
            self._order = await self._centre.uploaded("F1", feeType="01")
        elif txn == "6203":
            self._order, self._token = await self._centre.settled("F1")
        elif txn != "6201":
            self._order = await self._centre.placed("F1")

    def call(self, txn: str, timeout_s: float = 5) -> Awaitable[object]:
        profile = self._centre.profile.model_copy(update={"timeouts_s": {txn: timeout_s}})
        client = HttpInsuranceCentre(self._http, profile, centres.ACCOUNT)
        calls: dict[str, Callable[[], Awaitable[object]]] = {
            "6201": lambda: client.upload_fees(ORDER, orders.bill_of(ORDER), "F1"),
            "6202": lambda: client.place_order(self._placement()),
            "6203": lambda: client.refund(self._reversal()),
            "6301": lambda: client.query_order(self._reference()),
            "6401": lambda: client.revoke_order(self._reference()),
        }
        return calls[txn]()

    async def statuses(self) -> list[int]:
        return [order["ordStas"] for order in await self._centre.rows("/_sim/orders?medOrgOrd=F1")]

    @property
    def _known(self) -> Uploaded:
        assert self._order is not None
        return self._order

    def _reference(self) -> OrderReference:
        order = self._known
        return OrderReference(
            pay_ord_id=order.pay_ord_id,
            pay_token=order.pay_token,
            id_no=order.data["idNo"],
            user_name=order.data["userName"],
        )

    def _placement(self) -> OrderPlacement:
        order = self._known
        data = {"pay_ord_id": order.pay_ord_id, "pay_token": order.pay_token, "mdtrt_id": order.data["mdtrtId"]}
        return OrderPlacement.model_validate(
            {
                "pay_auth_no": order.data["payAuthNo"],
                "org_biz_ser": "F1-1",
                "chrg_bchno": order.data["chrgBchno"],
                "uploaded": data,
            }
        )

    def _reversal(self) -> RefundRequest:
        return RefundRequest(
            pay_ord_id=self._known.pay_ord_id,
            app_refd_sn="F1-REV",
            requested_at=datetime(2026, 1, 5, 1, 5, tzinfo=UTC),
            refund_type=RefundType.ALL,
            parts=orders.SPLIT,
            total_fen=orders.SPLIT.fee_sum_fen,
            revs_token=self._token,
        )


@pytest.fixture
async def payment(centre: SimulatedCentre) -> AsyncIterator[Payment]:
    async with HttpCaller() as http:
        yield Payment(centre, http)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("txn", TXNS)
async def test_a_fault_once(centre: SimulatedCentre, payment: Payment, txn: str, kind: str) -> None:
    outcome, verdict, applied = KINDS[kind]
    await payment.prepare(txn)
    before = await payment.statuses()
    await centre.fault(txn, kind, message="预结算金额不匹配")
    with pytest.raises(RemoteCallError) as caught:
        await payment.call(txn)
    assert (caught.value.outcome, caught.value.transaction) == (outcome, txn)
    if isinstance(caught.value, Refused):
        assert "预结算金额不匹配" in caught.value.message
        assert caught.value.confirmed
    assert await payment.statuses() == (AFTER[txn] if applied else before)
    call = (await centre.rows("/_sim/calls?medOrgOrd=F1"))[-1]
    assert (call["txn"], call["verdict"], call["fault"]) == (txn, verdict, kind)
    assert await centre.rows("/_sim/faults") == []


@pytest.mark.parametrize("txn", TXNS)
async def test_after_the_fault_all_is_well(centre: SimulatedCentre, payment: Payment, txn: str) -> None:
    await payment.prepare(txn)
    await centre.fault(txn, "drop_before")
    with pytest.raises(Unknown):
        await payment.call(txn)
    await payment.call(txn)
    assert await payment.statuses() == AFTER[txn]
    assert (await centre.verdicts("F1"))[-2:] == [(txn, "failed"), (txn, "applied")]


@pytest.mark.parametrize("txn", TXNS)
async def test_slower_than_we_wait_is_applied_all_the_same(centre: SimulatedCentre, payment: Payment, txn: str) -> None:
    await payment.prepare(txn)
    before = await payment.statuses()
    await centre.fault(txn, "delay", seconds=1.5)
    with pytest.raises(Unknown):
        await payment.call(txn, timeout_s=0.3)

    async def arrived() -> bool:
        """On a busy machine we may have left before it came."""
        call = (await centre.rows("/_sim/calls?medOrgOrd=F1"))[-1]
        return (call["txn"], call["verdict"], call.get("fault")) == (txn, None, "delay")

    await eventually(arrived)
    assert await payment.statuses() == before

    async def applied() -> bool:
        return (await centre.verdicts("F1"))[-1] == (txn, "applied")

    await eventually(applied)
    assert await payment.statuses() == AFTER[txn]


async def test_slow_but_in_time(centre: SimulatedCentre, payment: Payment) -> None:
    await centre.fault("6201", "delay", seconds=0.05)
    assert await payment.call("6201")
    assert await payment.statuses() == [0]


@pytest.mark.parametrize("txn", ["6202", "6301"])
async def test_parts_that_miss_the_sum_by_one_fen(centre: SimulatedCentre, txn: str) -> None:
    order = await centre.placed("F1")
    if txn == "6301":
        await centre.pay(order.pay_ord_id)
    await centre.fault(txn, "wrong_amount")
    answer = await centre.done(txn, order.placement("F1-2") if txn == "6202" else order.named())
    parts = [parse_yuan(answer[name]) for name in ("ownPayAmt", "psnAcctPay", "fundPay")]
    assert sum(parts) - parse_yuan(answer["feeSumamt"]) == 1
    (shown,) = await centre.rows("/_sim/orders")
    assert shown["ownPayAmt"] == "25.70"


async def test_a_refund_of_which_the_centre_does_not_know(centre: SimulatedCentre) -> None:
    order, revs_token = await centre.settled("F1")
    wish = refund_of(order.pay_ord_id, "F1-1", ("25.70", "25.70", "77.10"), ecToken=revs_token)
    await centre.fault("6203", "exp")
    assert (await centre.done("6203", wish))["refStatus"] == "EXP"
    assert (await centre.done("6301", order.named()))["ordStas"] == "7"
    assert (await centre.done("6203", wish))["refStatus"] == "SUCC"
    assert await centre.verdicts("F1") == [
        ("6201", "applied"),
        ("6202", "applied"),
        ("6301", "applied"),
        ("6203", "applied"),
        ("6301", "applied"),
        ("6203", "replayed"),
    ]


async def test_a_replay_that_is_lost_is_still_a_replay(centre: SimulatedCentre, payment: Payment) -> None:
    await payment.call("6201")
    await centre.fault("6201", "drop_after")
    with pytest.raises(Unknown):
        await payment.call("6201")
    assert await centre.verdicts("F1") == [("6201", "applied"), ("6201", "replayed")]


async def test_times_are_counted_and_minus_one_is_for_ever(centre: SimulatedCentre, payment: Payment) -> None:
    await payment.prepare("6301")
    await centre.fault("6301", "refuse", times=-1, message="系统维护")
    await centre.fault("6301", "http_500", times=2)
    outcomes = []
    for _ in range(5):
        with pytest.raises(RemoteCallError) as caught:
            await payment.call("6301")
        outcomes.append(caught.value.outcome)
    assert outcomes == [Outcome.UNKNOWN] * 2 + [Outcome.REFUSED] * 3
    assert await centre.control("DELETE", "/_sim/faults") == (200, {"cleared": 1})
    await payment.call("6301")


async def test_other_transactions_are_left_alone(centre: SimulatedCentre) -> None:
    await centre.fault("6401", "http_500", times=-1)
    order, _ = await centre.settled("F1")
    assert (await centre.done("6301", order.named()))["feeSumamt"] == "128.50"


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        ({"txn": "6302", "kind": "refuse", "times": 1}, "txn"),
        ({"txn": "settle", "kind": "refuse", "times": 1}, "txn"),
        ({"kind": "refuse", "times": 1}, "txn"),
        ({"txn": "6201", "kind": "explode", "times": 1}, "kind"),
        ({"txn": "6201", "kind": "wrong_amount", "times": 1}, "wrong_amount"),
        ({"txn": "6202", "kind": "exp", "times": 1}, "exp"),
        ({"txn": "6201", "kind": "refuse", "times": 0}, "times"),
        ({"txn": "6201", "kind": "refuse", "times": -2}, "times"),
        ({"txn": "6201", "kind": "refuse", "times": "1"}, "times"),
        ({"txn": "6201", "kind": "refuse", "times": True}, "times"),
        ({"txn": "6201", "kind": "delay", "times": 1}, "seconds"),
        ({"txn": "6201", "kind": "delay", "times": 1, "seconds": -1}, "seconds"),
        ({"txn": "6201", "kind": "refuse", "times": 1, "message": ""}, "message"),
        ({"txn": "6201", "kind": "refuse", "times": 1, "second": 3}, "second"),
        ([], ""),
    ],
)
async def test_a_fault_that_makes_no_sense(centre: SimulatedCentre, fault: object, named: str) -> None:
    status, answer = await centre.control("POST", "/_sim/faults", json=fault)
    assert status == 422
    assert named in answer["message"]
    assert await centre.rows("/_sim/faults") == []


async def test_a_fault_that_is_no_json(centre: SimulatedCentre) -> None:
    status, answer = await centre.control("POST", "/_sim/faults", data=b"{")
    assert (status, "JSON" in answer["message"]) == (400, True)
