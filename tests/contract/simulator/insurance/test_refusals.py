"""What the centre won't have, from 6201 to 6401: refused in signed Chinese words that name the field."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.parties.centre_simulator import Data, SimulatedCentre, Uploaded, simulated_centre, upload, without

REQUIRED_OF_UPLOAD = (
    "orgCodg",
    "psnNo",
    "insutype",
    "medOrgOrd",
    "begntime",
    "idNo",
    "userName",
    "idType",
    "payAuthNo",
    "insuCode",
    "iptOtpNo",
    "deptCode",
    "deptName",
    "caty",
    "mdtrtId",
    "medType",
    "feeType",
    "medfeeSumamt",
    "psnSetlway",
    "chrgBchno",
    "uldLatlnt",
    "mdtrtCertType",
    "feedetailList",
)
REQUIRED_OF_PLACEMENT = (
    "payAuthNo",
    "payOrdId",
    "payToken",
    "orgCodg",
    "orgBizSer",
    "chrgBchno",
    "feeType",
    "mdtrtId",
    "acctUsedFlag",
)
REQUIRED_OF_NAMING = ("payOrdId", "orgCodg", "payToken", "idNo", "userName", "idType")
DETAIL = {"detItemFeeSumamt": "128.50"}


def with_details(*details: Data) -> Data:
    return upload("M1", feedetailList=list(details))


class TestUpload:
    @pytest.mark.parametrize("name", REQUIRED_OF_UPLOAD)
    async def test_a_required_field_is_missing(self, centre: SimulatedCentre, name: str) -> None:
        assert name in await centre.refusal("6201", without(upload("M1"), name))
        assert await centre.rows("/_sim/orders") == []

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("orgCodg", "H99999999999"),
            ("idType", "02"),
            ("medType", "21"),
            ("psnSetlway", "02"),
            ("acctUsedFlag", "2"),
            ("begntime", "2026-01-05T09:00:00"),
            ("medfeeSumamt", "128.501"),
            ("medfeeSumamt", "-128.50"),
            ("medfeeSumamt", "1.285e-3"),
            ("medfeeSumamt", "+128.50"),
            ("medfeeSumamt", "0.00"),
            ("medfeeSumamt", "128.49"),
            ("idNo", "110101199003070135"),
            ("idNo", "110101199002300138"),
            ("idNo", "110101900307013"),
            ("idNo", "110101199003072711"),
            ("userName", "李四"),
            ("feedetailList", "none"),
            ("diseinfoList", [{"diagTime": "yesterday"}]),
        ],
    )
    async def test_a_wrong_value(self, centre: SimulatedCentre, name: str, value: Any) -> None:  # noqa: ANN401 - JSON
        assert name in await centre.refusal("6201", upload("M1", **{name: value}))
        assert await centre.rows("/_sim/orders") == []

    @pytest.mark.parametrize(
        ("details", "name"),
        [
            ([{"detItemFeeSumamt": "128.51"}], "detItemFeeSumamt"),
            ([{"detItemFeeSumamt": "-1.00"}, {"detItemFeeSumamt": "129.50"}], "feedetailList[1].detItemFeeSumamt"),
            ([DETAIL, {"feedetlSn": "2"}], "feedetailList[2].detItemFeeSumamt"),
            ([DETAIL | {"chrgBchno": "M2"}], "chrgBchno"),
            ([DETAIL | {"psnNo": "P2"}], "psnNo"),
            ([DETAIL | {"mdtrtId": "MD2"}], "mdtrtId"),
            ([DETAIL | {"feeOcurTime": "20260105"}], "feeOcurTime"),
            ([{"detItemFeeSumamt": "64.25", "feedetlSn": "1"}] * 2, "feedetlSn"),
        ],
    )
    async def test_details_that_disagree(self, centre: SimulatedCentre, details: list[Data], name: str) -> None:
        assert name in await centre.refusal("6201", with_details(*details))

    async def test_two_tokens_are_one_too_many(self, centre: SimulatedCentre) -> None:
        assert "ecToken" in await centre.refusal("6201", upload("M1", ecToken="EC1"))

    async def test_an_authorisation_serves_one_order(self, centre: SimulatedCentre) -> None:
        order = await centre.uploaded("M1")
        assert "payAuthNo" in await centre.refusal("6201", upload("M2", payAuthNo=order.data["payAuthNo"]))
        other = await centre.uploaded("M2")
        stolen = other.placement("M2-1", payAuthNo=order.data["payAuthNo"])
        assert "payAuthNo" in await centre.refusal("6202", stolen)

    async def test_a_refused_upload_uses_nothing_up(self, centre: SimulatedCentre) -> None:
        await centre.refusal("6201", upload("M1", userName="李四"))
        assert (await centre.uploaded("M2", payAuthNo="AUTH-M1")).pay_ord_id


class TestRepeatedUpload:
    @pytest.fixture
    async def strict(self, tmp_path: Path) -> AsyncIterator[SimulatedCentre]:
        async with simulated_centre(tmp_path / "strict.db", repeated_upload="refused") as centre:
            yield centre

    async def test_the_same_order_again(self, centre: SimulatedCentre) -> None:
        order = await centre.uploaded("M1")
        again = await centre.done("6201", order.data)
        assert (again["payOrdId"], again["payToken"]) == (order.pay_ord_id, order.pay_token)
        assert again["extData"]["mdtrtId"] == order.data["mdtrtId"]
        assert await centre.verdicts("M1") == [("6201", "applied"), ("6201", "replayed")]
        assert len(await centre.rows("/_sim/orders")) == 1

    async def test_another_bill_under_its_number(self, centre: SimulatedCentre) -> None:
        await centre.uploaded("M1")
        assert "medOrgOrd" in await centre.refusal("6201", upload("M1", "128.51"))
        assert await centre.verdicts("M1") == [("6201", "applied"), ("6201", "refused")]

    async def test_or_refused(self, strict: SimulatedCentre) -> None:
        order = await strict.uploaded("M1")
        assert "serial_no REPEAT" in await strict.refusal("6201", order.data)
        assert await strict.verdicts("M1") == [("6201", "applied"), ("6201", "refused")]


class TestPlacement:
    @pytest.mark.parametrize("name", REQUIRED_OF_PLACEMENT)
    async def test_a_required_field_is_missing(self, centre: SimulatedCentre, name: str) -> None:
        order = await centre.uploaded("M1")
        assert name in await centre.refusal("6202", without(order.placement("M1-1"), name))

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("payOrdId", "ORD0"),
            ("payToken", "PT0"),
            ("orgCodg", "H99999999999"),
            ("chrgBchno", "M2"),
            ("mdtrtId", "MD2"),
            ("feeType", "02"),
            ("acctUsedFlag", "yes"),
        ],
    )
    async def test_a_wrong_value(self, centre: SimulatedCentre, name: str, value: str) -> None:
        order = await centre.uploaded("M1")
        assert name in await centre.refusal("6202", order.placement("M1-1", **{name: value}))
        assert [shown["ordStas"] for shown in await centre.rows("/_sim/orders")] == [0]

    async def test_it_may_repeat_with_a_new_serial_only(self, centre: SimulatedCentre) -> None:
        order = await centre.placed("M1")
        assert "orgBizSer" in await centre.refusal("6202", order.placement("M1-1"))
        assert (await centre.done("6202", order.placement("M1-2")))["ordStas"] == "1"
        verdicts = [verdict for txn, verdict in await centre.verdicts("M1") if txn == "6202"]
        assert verdicts == ["applied", "refused", "applied"]

    async def test_a_serial_of_another_order(self, centre: SimulatedCentre) -> None:
        await centre.placed("M1")
        other = await centre.uploaded("M2")
        assert "orgBizSer" in await centre.refusal("6202", other.placement("M1-1"))

    @pytest.mark.parametrize(("outcome", "status"), [("paid", 6), ("declined", 15), ("cash_only", 3), ("abnormal", 14)])
    async def test_not_once_the_patient_has_acted(self, centre: SimulatedCentre, outcome: str, status: int) -> None:
        order = await centre.placed("M1")
        assert (await centre.pay(order.pay_ord_id, outcome))["ordStas"] == status
        assert f"ordStas={status}" in await centre.refusal("6202", order.placement("M1-2"))


@pytest.mark.parametrize("txn", ["6301", "6401"])
class TestNamingAnOrder:
    @pytest.fixture
    async def order(self, centre: SimulatedCentre) -> Uploaded:
        return await centre.placed("M1")

    @pytest.mark.parametrize("name", REQUIRED_OF_NAMING)
    async def test_a_required_field_is_missing(
        self, centre: SimulatedCentre, order: Uploaded, txn: str, name: str
    ) -> None:
        assert name in await centre.refusal(txn, without(order.named(), name))

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("payOrdId", "ORD0"),
            ("orgCodg", "H99999999999"),
            ("payToken", "PT0"),
            ("idNo", "11010119900307109X"),
            ("userName", "李四"),
            ("idType", "02"),
        ],
    )
    async def test_a_wrong_value(
        self, centre: SimulatedCentre, order: Uploaded, txn: str, name: str, value: str
    ) -> None:
        assert name in await centre.refusal(txn, order.named(**{name: value}))
        assert [shown["ordStas"] for shown in await centre.rows("/_sim/orders")] == [1]


class TestRevocation:
    async def test_before_and_after_the_pre_settlement(self, centre: SimulatedCentre) -> None:
        for order in (await centre.uploaded("M1"), await centre.placed("M2")):
            assert (await centre.done("6401", order.named()))["ordStas"] == "12"
            assert (await centre.done("6301", order.named()))["ordStas"] == "12"

    async def test_once_only(self, centre: SimulatedCentre) -> None:
        order = await centre.placed("M1")
        await centre.done("6401", order.named())
        assert "ordStas=12" in await centre.refusal("6401", order.named())
        assert "ordStas=12" in await centre.refusal("6202", order.placement("M1-2"))
        assert (await centre.verdicts("M1"))[2:] == [("6401", "applied"), ("6401", "refused"), ("6202", "refused")]

    @pytest.mark.parametrize(("outcome", "status"), [("paid", 6), ("declined", 15), ("cash_only", 3), ("abnormal", 14)])
    async def test_not_once_the_patient_has_acted(self, centre: SimulatedCentre, outcome: str, status: int) -> None:
        order = await centre.placed("M1")
        await centre.pay(order.pay_ord_id, outcome)
        assert f"ordStas={status}" in await centre.refusal("6401", order.named())
        assert (await centre.rows("/_sim/orders"))[0]["ordStas"] == status
