"""A payment at the centre from upload to settlement: amounts, balances, what the control calls show."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from domain.errors import Refused
from domain.insurance import OrderReference, RefundStatus, RefundType, SetlType
from domain.values.fen import Fen
from gateways.http import HttpCaller
from gateways.insurance.client import HttpInsuranceCentre
from gateways.insurance.port import OrderPlacement, RefundRequest
from tests.support.parties.centre_simulator import SimulatedCentre, Uploaded, upload, without
from tests.support.values import centres, orders

AMOUNTS = ("feeSumamt", "ownPayAmt", "psnAcctPay", "fundPay")


async def test_from_upload_to_settlement(centre: SimulatedCentre) -> None:
    order = await centre.uploaded("M1", "36.50", "52.00", "40.00")
    assert (await centre.done("6301", order.named()))["ordStas"] == "0"

    placed = await centre.done("6202", order.placement("M1-1"))
    assert [placed[name] for name in ("ordStas", *AMOUNTS)] == ["1", "128.50", "25.70", "25.70", "77.10"]
    assert placed["extData"]["preSetl"]["balc"] == "500.00"

    waiting = await centre.done("6301", order.named())
    assert waiting["ordStas"] == "1"
    assert "revsToken" not in waiting

    shown = await centre.pay(order.pay_ord_id)
    assert (shown["ordStas"], shown["balance"]) == (6, "474.30")
    settled = await centre.done("6301", order.named())
    assert [settled[name] for name in ("ordStas", *AMOUNTS)] == ["6", "128.50", "25.70", "25.70", "77.10"]
    assert (settled["medOrgOrd"], settled["traceTime"]) == ("M1", "2026-01-05 09:00:00")
    assert settled["setlType"] == "ALL"
    assert settled["revsToken"]


async def test_what_the_control_calls_show(centre: SimulatedCentre) -> None:
    order = await centre.uploaded("M1")
    await centre.uploaded("M2")
    (shown,) = await centre.rows("/_sim/orders?medOrgOrd=M1")
    assert (shown["ordStas"], shown["feeSumamt"], shown["fundPay"]) == (0, "128.50", None)
    await centre.done("6202", order.placement("M1-1"))
    shown = await centre.rows(f"/_sim/orders/{order.pay_ord_id}")
    assert [shown[name] for name in ("payOrdId", "medOrgOrd", "ordStas")] == [order.pay_ord_id, "M1", 1]
    assert [shown[name] for name in AMOUNTS] == ["128.50", "25.70", "25.70", "77.10"]
    assert (shown["refunds"], shown["balance"]) == ([], "500.00")
    assert [each["medOrgOrd"] for each in await centre.rows("/_sim/orders")] == ["M1", "M2"]
    calls = await centre.rows("/_sim/calls?medOrgOrd=M1")
    assert [(call["txn"], call["payOrdId"], call["verdict"]) for call in calls] == [
        ("6201", order.pay_ord_id, "applied"),
        ("6202", order.pay_ord_id, "applied"),
    ]
    assert all(call["at"] and "fault" not in call for call in calls)
    assert len(await centre.rows("/_sim/calls")) == 3


@pytest.mark.parametrize(
    ("amount", "own", "account", "fund"),
    [
        ("0.01", "0.01", "0.00", "0.00"),
        ("0.03", "0.01", "0.01", "0.01"),
        ("76.30", "15.26", "15.26", "45.78"),
        ("1999.99", "400.00", "400.00", "1199.99"),
        ("9999.99", "3500.00", "500.00", "5999.99"),
    ],
)
async def test_the_split(centre: SimulatedCentre, amount: str, own: str, account: str, fund: str) -> None:
    order = await centre.uploaded("M1", amount)
    placed = await centre.done("6202", order.placement("M1-1"))
    assert [placed[name] for name in AMOUNTS] == [amount, own, account, fund]


async def test_an_empty_account_pays_nothing(centre: SimulatedCentre) -> None:
    first = await centre.placed("M1", "9999.99")
    second = await centre.placed("M2", "100.00")
    await centre.pay(first.pay_ord_id)
    again = await centre.done("6202", second.placement("M2-2"))
    assert [again[name] for name in ("psnAcctPay", "ownPayAmt")] == ["0.00", "40.00"]
    assert again["extData"]["preSetl"]["balc"] == "0.00"


async def test_two_paid_on_one_balance_overdraw_it(centre: SimulatedCentre) -> None:
    first, second = await centre.placed("M1", "9999.99"), await centre.placed("M2", "100.00")
    await centre.pay(first.pay_ord_id)
    assert (await centre.pay(second.pay_ord_id))["balance"] == "-20.00"
    third = await centre.uploaded("M3", "10.00")
    placed = await centre.done("6202", third.placement("M3-1"))
    assert (placed["psnAcctPay"], placed["extData"]["preSetl"]["balc"]) == ("0.00", "0.00")


async def test_the_account_may_be_left_alone(centre: SimulatedCentre) -> None:
    order = await centre.uploaded("M1", "100.00")
    placed = await centre.done("6202", order.placement("M1-1", acctUsedFlag="0"))
    assert [placed[name] for name in AMOUNTS] == ["100.00", "40.00", "0.00", "60.00"]


@pytest.mark.parametrize(("amount", "setl_type"), [("0.01", "CASH"), ("100.00", "ALL")])
async def test_settlement_type(centre: SimulatedCentre, amount: str, setl_type: str) -> None:
    order, _ = await centre.settled("M1", amount)
    assert (await centre.done("6301", order.named()))["setlType"] == setl_type


async def test_with_an_electronic_certificate_the_centre_gives_the_visit(centre: SimulatedCentre) -> None:
    data = without(upload("M1", ecToken="EC1"), "payAuthNo", "mdtrtId")
    data["feedetailList"] = [{"detItemFeeSumamt": "128.50"}]
    answer = await centre.done("6201", data)
    visit = answer["extData"]["mdtrtId"]
    order = Uploaded(answer["payOrdId"], answer["payToken"], {**data, "payAuthNo": "A1", "mdtrtId": visit})
    assert (await centre.done("6202", order.placement("M1-1")))["ordStas"] == "1"


async def test_somebody_new_is_insured_and_keeps_the_name(centre: SimulatedCentre) -> None:
    await centre.placed("M1", idNo="110101197501015112", userName="赵六")
    assert (await centre.rows("/_sim/orders?medOrgOrd=M1"))[0]["balance"] == "500.00"
    assert "userName" in await centre.refusal("6201", upload("M2", idNo="110101197501015112", userName="钱七"))


async def test_an_x_is_an_x(centre: SimulatedCentre) -> None:
    order = await centre.placed("M1", idNo="11010119900307109x", userName="李四")
    assert (await centre.done("6301", order.named(idNo="11010119900307109X")))["ordStas"] == "1"


async def test_many_at_once(centre: SimulatedCentre) -> None:
    numbers = [f"M{number}" for number in range(12)]
    placed = await asyncio.gather(*(centre.placed(number, "1.00") for number in numbers))
    assert len({order.pay_ord_id for order in placed}) == len(numbers)
    assert [order["ordStas"] for order in await centre.rows("/_sim/orders")] == [1] * len(numbers)


async def test_the_same_upload_twice_at_once_is_one_order(centre: SimulatedCentre) -> None:
    answers = await asyncio.gather(*(centre.done("6201", upload("M1")) for _ in range(5)))
    assert len({answer["payOrdId"] for answer in answers}) == 1
    assert sorted(verdict or "" for _, verdict in await centre.verdicts("M1")) == ["applied"] + ["replayed"] * 4


class TestOurOwnClient:
    """The product's client against it: what integrators will run."""

    @pytest.fixture
    async def client(self, centre: SimulatedCentre) -> AsyncIterator[HttpInsuranceCentre]:
        async with HttpCaller() as http:
            yield HttpInsuranceCentre(http, centre.profile, centres.ACCOUNT)

    async def test_paid_and_reversed(self, centre: SimulatedCentre, client: HttpInsuranceCentre) -> None:
        order = orders.outpatient("M1")
        uploaded = await client.upload_fees(order, orders.bill_of(order), "M1")
        placement = OrderPlacement(
            pay_auth_no=order.pay_auth_no, org_biz_ser="M1-1", chrg_bchno="M1", uploaded=uploaded
        )
        placed = await client.place_order(placement)
        assert (placed.split, placed.balance_fen) == (orders.SPLIT, Fen(50_000))
        await centre.pay(uploaded.pay_ord_id)
        reference = OrderReference(
            pay_ord_id=uploaded.pay_ord_id, pay_token=uploaded.pay_token, id_no=order.id_no, user_name="张三"
        )
        status = await client.query_order(reference)
        assert (status.ord_stas, status.split, status.setl_type) == (6, orders.SPLIT, SetlType.ALL)
        assert status.trace_time == datetime(2026, 1, 5, 1, 0, tzinfo=UTC)
        with pytest.raises(Refused, match="ordStas=6"):
            await client.revoke_order(reference)
        reversal = RefundRequest(
            pay_ord_id=uploaded.pay_ord_id,
            app_refd_sn="M1-REV",
            requested_at=datetime(2026, 1, 5, 1, 5, tzinfo=UTC),
            refund_type=RefundType.ALL,
            parts=orders.SPLIT,
            total_fen=orders.SPLIT.fee_sum_fen,
            revs_token=status.revs_token,
            reason="医院入账失败",
        )
        assert (await client.refund(reversal)).status is RefundStatus.SUCC
        (shown,) = await centre.rows("/_sim/orders?medOrgOrd=M1")
        assert (shown["ordStas"], shown["balance"]) == (7, "500.00")

    async def test_uploaded_and_revoked(self, centre: SimulatedCentre, client: HttpInsuranceCentre) -> None:
        order = orders.registration("M2", total_fen=Fen(2500))
        uploaded = await client.upload_fees(order, orders.bill_of(order), "M2")
        await client.revoke_order(
            OrderReference(
                pay_ord_id=uploaded.pay_ord_id, pay_token=uploaded.pay_token, id_no=order.id_no, user_name="张三"
            )
        )
        assert [row["ordStas"] for row in await centre.rows("/_sim/orders?medOrgOrd=M2")] == [12]
