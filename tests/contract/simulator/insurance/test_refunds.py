"""6203 at the centre: refunds, the reversal inside its hour, and what it won't give back."""

from pathlib import Path

import pytest

from tests.support.parties.centre_simulator import Data, SimulatedCentre, refund_of, simulated_centre, without

ALL = ("25.70", "25.70", "77.10")
CASH = ("25.70", "0.00", "0.00")
INSURANCE = ("0.00", "25.70", "77.10")
"""Cash, personal account, pooled fund of the usual 128.50."""

REQUIRED = (
    "payOrdId",
    "appRefdSn",
    "appRefdTime",
    "totlRefdAmt",
    "psnAcctRefdAmt",
    "fundRefdAmt",
    "cashRefdAmt",
    "refdType",
)


async def settled(centre: SimulatedCentre, *amounts: str) -> tuple[str, str]:
    """payOrdId and revsToken."""
    order, token = await centre.settled("M1", *amounts)
    return order.pay_ord_id, token


async def shown(centre: SimulatedCentre) -> Data:
    return dict((await centre.rows("/_sim/orders?medOrgOrd=M1"))[0])


class TestReversal:
    @pytest.mark.parametrize("slot", ["ecToken", "payAuthNo", "revsToken"])
    async def test_in_the_slot_of_the_profile(self, tmp_path: Path, slot: str) -> None:
        async with simulated_centre(tmp_path / "centre.db", reversal_token_field=slot) as centre:
            pay_ord_id, token = await settled(centre)
            answer = await centre.done("6203", refund_of(pay_ord_id, "M1-REV", ALL, **{slot: token}))
            assert (answer["refStatus"], answer["appRefdSn"]) == ("SUCC", "M1-REV")
            assert answer["refdSn"]
            order = await shown(centre)
            assert (order["ordStas"], order["balance"]) == (7, "500.00")

    @pytest.mark.parametrize("slot", ["ecToken", "payAuthNo", "revsToken"])
    async def test_another_token(self, tmp_path: Path, slot: str) -> None:
        async with simulated_centre(tmp_path / "centre.db", reversal_token_field=slot) as centre:
            pay_ord_id, token = await settled(centre)
            wrong = token[:-1] + ("1" if token.endswith("0") else "0")
            refusal = await centre.refusal("6203", refund_of(pay_ord_id, "M1-REV", ALL, **{slot: wrong}))
            assert slot in refusal
            assert "revsToken" in refusal
            assert (await shown(centre))["ordStas"] == 6

    async def test_in_a_slot_that_is_not_the_profile_s(self, centre: SimulatedCentre) -> None:
        pay_ord_id, token = await settled(centre)
        assert "ecToken" in await centre.refusal("6203", refund_of(pay_ord_id, "M1-REV", ALL, revsToken=token))

    async def test_up_to_the_end_of_its_hour(self, centre: SimulatedCentre) -> None:
        pay_ord_id, token = await settled(centre)
        centre.clock.forward(hours=1)
        refunded = await centre.done("6203", refund_of(pay_ord_id, "M1-REV", ALL, ecToken=token))
        assert refunded["refStatus"] == "SUCC"

    async def test_not_after_its_hour(self, centre: SimulatedCentre) -> None:
        pay_ord_id, token = await settled(centre)
        centre.clock.forward(hours=1, seconds=1)
        assert "revsToken" in await centre.refusal("6203", refund_of(pay_ord_id, "M1-REV", ALL, ecToken=token))
        assert (await shown(centre))["ordStas"] == 6

    async def test_insurance_only_where_the_channel_gives_back_cash(self, tmp_path: Path) -> None:
        async with simulated_centre(tmp_path / "centre.db", cash_refunded_by="channel") as centre:
            pay_ord_id, token = await settled(centre)
            everything = refund_of(pay_ord_id, "M1-REV", ALL, ecToken=token)
            assert "cashRefdAmt" in await centre.refusal("6203", everything)
            await centre.done("6203", refund_of(pay_ord_id, "M1-REV", INSURANCE, ecToken=token, refdType="HI"))
            assert (await shown(centre))["ordStas"] == 8

    @pytest.mark.parametrize(("full_refund", "status"), [("refunded", 7), ("by_kind", 9)])
    async def test_of_cash_alone_ends_as_the_centre_calls_it(
        self, tmp_path: Path, full_refund: str, status: int
    ) -> None:
        async with simulated_centre(tmp_path / "centre.db", full_refund=full_refund) as centre:
            pay_ord_id, token = await settled(centre, "0.01")
            cash = refund_of(pay_ord_id, "M1-REV", ("0.01", "0.00", "0.00"), ecToken=token)
            await centre.done("6203", cash)
            assert (await shown(centre))["ordStas"] == status

    async def test_never_a_part_of_the_insurance_s_money(self, centre: SimulatedCentre) -> None:
        pay_ord_id, token = await settled(centre)
        part = refund_of(pay_ord_id, "M1-REV", ("0.00", "25.70", "77.00"), ecToken=token, refdType="HI")
        assert "fundRefdAmt" in await centre.refusal("6203", part)


class TestRefund:
    @pytest.mark.parametrize(
        ("refund_type", "parts", "status", "balance"),
        [
            ("ALL", ALL, 7, "500.00"),
            ("HI", INSURANCE, 8, "500.00"),
            ("CASH", CASH, 9, "474.30"),
            ("CASH", ("10.00", "0.00", "0.00"), 10, "474.30"),
        ],
    )
    async def test_of_each_type(
        self, centre: SimulatedCentre, refund_type: str, parts: tuple[str, str, str], status: int, balance: str
    ) -> None:
        pay_ord_id, _ = await settled(centre)
        await centre.done("6203", refund_of(pay_ord_id, "R1", parts, payAuthNo="AUTH-R1", refdType=refund_type))
        order = await shown(centre)
        assert (order["ordStas"], order["balance"]) == (status, balance)
        (refund,) = order["refunds"]
        assert (refund["appRefdSn"], refund["refdType"]) == ("R1", refund_type)
        names = ("cashRefdAmt", "psnAcctRefdAmt", "fundRefdAmt")
        assert tuple(refund["amounts"][name] for name in names) == parts

    @pytest.mark.parametrize(
        ("then", "status"),
        [
            (("CASH", "10.00", "0.00", "0.00"), 11),
            (("CASH", *CASH), 7),
        ],
    )
    async def test_insurance_first_then_cash(
        self, centre: SimulatedCentre, then: tuple[str, str, str, str], status: int
    ) -> None:
        pay_ord_id, _ = await settled(centre)
        await centre.done("6203", refund_of(pay_ord_id, "R1", INSURANCE, payAuthNo="A1", refdType="HI"))
        await centre.done("6203", refund_of(pay_ord_id, "R2", then[1:], payAuthNo="A2", refdType=then[0]))
        assert (await shown(centre))["ordStas"] == status

    async def test_cash_in_parts_but_never_more(self, centre: SimulatedCentre) -> None:
        pay_ord_id, _ = await settled(centre)
        for number, cash in (("R1", "10.00"), ("R2", "15.00")):
            await centre.done(
                "6203", refund_of(pay_ord_id, number, (cash, "0.00", "0.00"), payAuthNo=number, refdType="CASH")
            )
        more = refund_of(pay_ord_id, "R3", ("0.71", "0.00", "0.00"), payAuthNo="R3", refdType="CASH")
        assert "cashRefdAmt" in await centre.refusal("6203", more)
        last = refund_of(pay_ord_id, "R3", ("0.70", "0.00", "0.00"), payAuthNo="R3", refdType="CASH")
        await centre.done("6203", last)
        assert (await shown(centre))["ordStas"] == 9

    @pytest.mark.parametrize(
        ("refund_type", "parts", "named"),
        [
            ("ALL", ("25.70", "25.70", "77.09"), "ALL"),
            ("ALL", ("25.71", "25.70", "77.10"), "ALL"),
            ("CASH", ("25.70", "0.01", "0.00"), "CASH"),
            ("CASH", ("25.71", "0.00", "0.00"), "cashRefdAmt"),
            ("HI", ALL, "HI"),
            ("HI", ("0.00", "25.71", "77.10"), "psnAcctRefdAmt"),
            ("HI", ("0.00", "25.70", "77.11"), "fundRefdAmt"),
            ("HI", ("0.00", "0.00", "0.00"), "totlRefdAmt"),
        ],
    )
    async def test_amounts_that_its_type_can_t_have(
        self, centre: SimulatedCentre, refund_type: str, parts: tuple[str, str, str], named: str
    ) -> None:
        pay_ord_id, _ = await settled(centre)
        wanted = refund_of(pay_ord_id, "R1", parts, payAuthNo="A1", refdType=refund_type)
        assert named in await centre.refusal("6203", wanted)
        order = await shown(centre)
        assert (order["ordStas"], order["refunds"], order["balance"]) == (6, [], "474.30")

    async def test_all_only_while_nothing_went_back(self, centre: SimulatedCentre) -> None:
        pay_ord_id, _ = await settled(centre)
        first = refund_of(pay_ord_id, "R1", ("0.01", "0.00", "0.00"), payAuthNo="A1", refdType="CASH")
        await centre.done("6203", first)
        assert "cashRefdAmt" in await centre.refusal("6203", refund_of(pay_ord_id, "R2", ALL, payAuthNo="A2"))

    @pytest.mark.parametrize(
        ("changes", "named"),
        [
            ({"totlRefdAmt": "128.49"}, "totlRefdAmt"),
            ({"appRefdTime": "now"}, "appRefdTime"),
            ({"refdType": "SOME"}, "refdType"),
            ({"payOrdId": "ORD0"}, "payOrdId"),
            ({"ecToken": "EC1"}, "ecToken"),
            ({"payAuthNo": ""}, "payAuthNo"),
        ],
    )
    async def test_a_wrong_value(self, centre: SimulatedCentre, changes: dict[str, str], named: str) -> None:
        pay_ord_id, _ = await settled(centre)
        wanted = refund_of(pay_ord_id, "R1", ALL, payAuthNo="A1") | changes
        assert named in await centre.refusal("6203", wanted)

    @pytest.mark.parametrize("name", REQUIRED)
    async def test_a_required_field_is_missing(self, centre: SimulatedCentre, name: str) -> None:
        pay_ord_id, _ = await settled(centre)
        wanted = without(refund_of(pay_ord_id, "R1", ALL, payAuthNo="A1"), name)
        assert name in await centre.refusal("6203", wanted)

    async def test_an_authorisation_of_another_order(self, centre: SimulatedCentre) -> None:
        pay_ord_id, _ = await settled(centre)
        await centre.uploaded("M2")
        assert "payAuthNo" in await centre.refusal("6203", refund_of(pay_ord_id, "R1", ALL, payAuthNo="AUTH-M2"))

    @pytest.mark.parametrize("outcome", [None, "declined", "cash_only", "abnormal"])
    async def test_of_what_is_not_settled(self, centre: SimulatedCentre, outcome: str | None) -> None:
        order = await centre.placed("M1")
        if outcome:
            await centre.pay(order.pay_ord_id, outcome)
        assert "ordStas" in await centre.refusal("6203", refund_of(order.pay_ord_id, "R1", ALL, payAuthNo="A1"))


class TestTheSameRefundAgain:
    async def test_is_answered_and_not_made(self, centre: SimulatedCentre) -> None:
        pay_ord_id, token = await settled(centre)
        wanted = refund_of(pay_ord_id, "M1-REV", ALL, ecToken=token)
        first = await centre.done("6203", wanted)
        centre.clock.forward(hours=2)
        assert await centre.done("6203", wanted) == first
        order = await shown(centre)
        assert (len(order["refunds"]), order["balance"]) == (1, "500.00")
        assert (await centre.verdicts("M1"))[-2:] == [("6203", "applied"), ("6203", "replayed")]

    @pytest.mark.parametrize("parts", [("10.01", "0.00", "0.00"), ("9.99", "0.00", "0.00")])
    async def test_with_other_amounts_is_refused(self, centre: SimulatedCentre, parts: tuple[str, str, str]) -> None:
        pay_ord_id, _ = await settled(centre)
        first = refund_of(pay_ord_id, "R1", ("10.00", "0.00", "0.00"), payAuthNo="A1", refdType="CASH")
        await centre.done("6203", first)
        other = refund_of(pay_ord_id, "R1", parts, payAuthNo="A1", refdType="CASH")
        assert "appRefdSn" in await centre.refusal("6203", other)
        assert len((await shown(centre))["refunds"]) == 1

    async def test_for_another_order_is_refused(self, centre: SimulatedCentre) -> None:
        pay_ord_id, token = await settled(centre)
        await centre.done("6203", refund_of(pay_ord_id, "R1", ALL, ecToken=token))
        other, other_token = await centre.settled("M2")
        assert "appRefdSn" in await centre.refusal("6203", refund_of(other.pay_ord_id, "R1", ALL, ecToken=other_token))
