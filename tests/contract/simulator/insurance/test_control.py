"""The centre's control calls, its notices, its envelope and its memory."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError

from security.crypto.sm import generate_key_pair
from simulator.insurance.config import CentreConfig
from simulator.insurance.server import build_app
from tests.support.parties.centre_simulator import (
    Clock,
    Data,
    SimulatedCentre,
    centre_config,
    refund_of,
    simulated_centre,
    upload,
)
from tests.support.parties.listening import serving
from tests.support.values import centres


class TestPaying:
    @pytest.mark.parametrize(
        ("outcome", "status", "balance"),
        [("paid", 6, "474.30"), ("declined", 15, "500.00"), ("cash_only", 3, "500.00"), ("abnormal", 14, "500.00")],
    )
    async def test_each_outcome(self, centre: SimulatedCentre, outcome: str, status: int, balance: str) -> None:
        order = await centre.placed("M1")
        shown = await centre.pay(order.pay_ord_id, outcome)
        assert (shown["ordStas"], shown["balance"], shown["notified"]) == (status, balance, False)
        asked = await centre.done("6301", order.named())
        assert asked["ordStas"] == str(status)
        assert ("revsToken" in asked) is (outcome == "paid")

    async def test_cash_first_then_the_insurance(self, centre: SimulatedCentre) -> None:
        order = await centre.placed("M1")
        await centre.pay(order.pay_ord_id, "cash_only")
        assert (await centre.pay(order.pay_ord_id))["ordStas"] == 6

    async def test_paid_twice_is_paid_once(self, centre: SimulatedCentre) -> None:
        order, token = await centre.settled("M1")
        assert (await centre.pay(order.pay_ord_id))["balance"] == "474.30"
        assert (await centre.done("6301", order.named()))["revsToken"] == token

    async def test_late_money_for_a_revoked_order(self, centre: SimulatedCentre) -> None:
        order = await centre.placed("M1")
        await centre.done("6401", order.named())
        assert (await centre.pay(order.pay_ord_id))["ordStas"] == 6

    async def test_nothing_to_pay_before_the_pre_settlement(self, centre: SimulatedCentre) -> None:
        order = await centre.uploaded("M1")
        status, answer = await centre.control("POST", f"/_sim/orders/{order.pay_ord_id}/pay", json={"outcome": "paid"})
        assert (status, "ordStas 0" in answer["message"]) == (409, True)

    async def test_a_settled_order_is_not_declined(self, centre: SimulatedCentre) -> None:
        order, _ = await centre.settled("M1")
        wish = {"outcome": "declined", "notify": False}
        status, _ = await centre.control("POST", f"/_sim/orders/{order.pay_ord_id}/pay", json=wish)
        assert status == 409

    @pytest.mark.parametrize(
        ("wish", "named"),
        [
            ({}, "outcome"),
            ({"outcome": "maybe"}, "outcome"),
            ({"outcome": "paid", "notify": "yes"}, "notify"),
            ({"outcome": "paid", "notified": True}, "notified"),
        ],
    )
    async def test_a_wish_that_makes_no_sense(self, centre: SimulatedCentre, wish: Data, named: str) -> None:
        order = await centre.placed("M1")
        status, answer = await centre.control("POST", f"/_sim/orders/{order.pay_ord_id}/pay", json=wish)
        assert (status, named in answer["message"]) == (422, True)

    async def test_an_unknown_order(self, centre: SimulatedCentre) -> None:
        for method, path, body in (("GET", "", None), ("POST", "/pay", {"outcome": "paid"})):
            status, answer = await centre.control(method, f"/_sim/orders/ORD0{path}", json=body)
            assert (status, "payOrdId" in answer["message"]) == (404, True)
        assert await centre.rows("/_sim/orders?medOrgOrd=M0") == []
        assert await centre.rows("/_sim/calls?medOrgOrd=M0") == []

    async def test_ready(self, centre: SimulatedCentre) -> None:
        assert await centre.rows("/_sim/health") == {"status": "ready"}


class Hospital:
    """Takes 6302 the way that it is told to."""

    def __init__(self) -> None:
        self.notices: list[Data] = []
        self.answer: Any = {"success": True, "message": ""}
        self.status = 200

    async def take(self, request: web.Request) -> web.Response:
        envelope = centres.hospital_side(centres.profile())
        self.notices.append(await envelope.open_request(await request.json()))
        return web.json_response(self.answer, status=self.status)


class TestNotices:
    @asynccontextmanager
    async def notified(self, database: Path) -> AsyncIterator[tuple[SimulatedCentre, Hospital]]:
        hospital = Hospital()
        app = web.Application()
        app.router.add_post("/notice", hospital.take)
        async with serving(app) as url, simulated_centre(database, notice_url=f"{url}/notice") as centre:
            yield centre, hospital

    async def test_the_hospital_is_told(self, tmp_path: Path) -> None:
        async with self.notified(tmp_path / "centre.db") as (centre, hospital):
            order = await centre.placed("M1")
            assert (await centre.pay(order.pay_ord_id, notify=True))["notified"] is True
            (notice,) = hospital.notices
            assert notice == await centre.done("6301", order.named())
            assert (notice["callType"], notice["ordStas"], notice["medOrgOrd"]) == ("02", "6", "M1")

    async def test_and_told_again(self, tmp_path: Path) -> None:
        async with self.notified(tmp_path / "centre.db") as (centre, hospital):
            order = await centre.placed("M1")
            for _ in range(2):
                await centre.pay(order.pay_ord_id, notify=True)
            assert len(hospital.notices) == 2

    async def test_of_other_outcomes_too(self, tmp_path: Path) -> None:
        async with self.notified(tmp_path / "centre.db") as (centre, hospital):
            order = await centre.placed("M1")
            await centre.pay(order.pay_ord_id, "declined", notify=True)
            assert [notice["ordStas"] for notice in hospital.notices] == ["15"]

    @pytest.mark.parametrize(("status", "answer"), [(200, {"success": False}), (500, {}), (200, []), (404, "no")])
    async def test_a_hospital_that_does_not_take_it(self, tmp_path: Path, status: int, answer: object) -> None:
        async with self.notified(tmp_path / "centre.db") as (centre, hospital):
            hospital.status, hospital.answer = status, answer
            order = await centre.placed("M1")
            shown = await centre.pay(order.pay_ord_id, notify=True)
            assert (shown["ordStas"], shown["notified"]) == (6, False)

    @pytest.mark.parametrize("notice_url", [None, "http://127.0.0.1:9/notice"])
    async def test_nobody_there(self, tmp_path: Path, notice_url: str | None) -> None:
        async with simulated_centre(tmp_path / "centre.db", notice_url=notice_url) as centre:
            order = await centre.placed("M1")
            shown = await centre.pay(order.pay_ord_id, notify=True)
            assert (shown["ordStas"], shown["notified"]) == (6, False)


class TestEnvelope:
    async def unsigned(self, centre: SimulatedCentre, body: bytes) -> str:
        """The message of an answer that is refused in clear; nothing was done."""
        status, content = await centre.post("6201", body)
        answer = json.loads(content)
        assert (status, answer["success"]) == (200, False)
        assert answer["code"] != 0
        assert "signData" not in answer
        assert await centre.rows("/_sim/orders") == []
        (call,) = await centre.rows("/_sim/calls")
        assert (call["txn"], call["verdict"]) == ("6201", "refused")
        return str(answer["message"])

    @pytest.mark.parametrize(
        ("change", "named"),
        [
            ({"signData": base64.b64encode(b"\x01" * 64).decode()}, "signData"),
            ({"signData": "no base64"}, "signData"),
            ({"encData": "00" * 16}, "encData"),
            ({"encData": "no hex"}, "encData"),
            ({"appId": "F" * 32}, "appId"),
            ({"timestamp": "20260105090001"}, "signData"),
            ({"version": "1.0.0"}, "version"),
            ({"encType": "AES"}, "encType"),
            ({"signType": ""}, "signType"),
            ({"data": {"medOrgOrd": "M1"}}, "data"),
        ],
    )
    async def test_a_request_that_is_not_believed(self, centre: SimulatedCentre, change: Data, named: str) -> None:
        sealed = await centre.hospital.seal_request(upload("M1"))
        assert named in await self.unsigned(centre, json.dumps(sealed | change).encode())

    async def test_somebody_else_s_key(self, tmp_path: Path) -> None:
        key = generate_key_pair().public_key_b64
        async with simulated_centre(tmp_path / "centre.db", hospital_public_key=key) as centre:
            sealed = await centre.hospital.seal_request(upload("M1"))
            assert "signData" in await self.unsigned(centre, json.dumps(sealed).encode())

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
    async def test_no_json_object(self, centre: SimulatedCentre, body: bytes) -> None:
        assert "JSON" in await self.unsigned(centre, body)

    async def test_a_fault_waits_for_a_request_that_is_believed(self, centre: SimulatedCentre) -> None:
        await centre.fault("6201", "drop_before")
        assert "JSON" in await self.unsigned(centre, b"{")
        assert len(await centre.rows("/_sim/faults")) == 1

    @pytest.mark.parametrize(
        "bits",
        [
            {"version": "1.0.0", "timestamp": "epoch_ms", "numbers": "json", "enc_hex": "lower"},
            {"timestamp": "epoch_s", "sm2_user_id": "ANOTHER-USER"},
            {"paths": {"6201": "/hos/upload", "6203": "/hos/refund"}},
        ],
    )
    async def test_every_form_of_a_centre(self, tmp_path: Path, bits: Data) -> None:
        async with simulated_centre(tmp_path / "centre.db", **bits) as centre:
            order, token = await centre.settled("M1")
            parts = ("25.70", "25.70", "77.10")
            refunded = await centre.done("6203", refund_of(order.pay_ord_id, "R1", parts, ecToken=token))
            assert refunded["refStatus"] == "SUCC"


class TestRestart:
    async def test_nothing_is_forgotten(self, tmp_path: Path) -> None:
        clock, database = Clock(), tmp_path / "centre.db"
        async with simulated_centre(database, clock) as centre:
            order, token = await centre.settled("M1")
            await centre.fault("6301", "refuse", times=2, message="系统维护")
            before = await centre.rows("/_sim/orders"), await centre.rows("/_sim/calls")
        async with simulated_centre(database, clock) as centre:
            assert (await centre.rows("/_sim/orders"), await centre.rows("/_sim/calls")) == before
            for _ in range(2):
                assert await centre.refusal("6301", order.named()) == "系统维护"
            assert (await centre.done("6301", order.named()))["revsToken"] == token
            assert "orgBizSer" in await centre.refusal("6202", (await centre.uploaded("M2")).placement("M1-1"))
            assert "payAuthNo" in await centre.refusal("6201", upload("M3", payAuthNo="AUTH-M1"))

    async def test_a_call_that_was_held_up_has_failed(self, tmp_path: Path) -> None:
        database = tmp_path / "centre.db"
        async with simulated_centre(database) as centre:
            await centre.fault("6201", "delay", seconds=3600)
            sealed = json.dumps(await centre.hospital.seal_request(upload("M1"))).encode()
            with pytest.raises(TimeoutError):
                await centre.post("6201", sealed, timeout_s=0.3)
            assert await centre.verdicts("M1") == [("6201", None)]
        async with simulated_centre(database) as centre:
            assert await centre.verdicts("M1") == [("6201", "failed")]
            assert await centre.rows("/_sim/orders") == []


class TestConfig:
    def test_what_is_written_is_read(self) -> None:
        config = centre_config(notice_url="http://127.0.0.1:8000/notice", paths={"6201": "/x"})
        assert CentreConfig.model_validate_json(config.model_dump_json()) == config

    @pytest.mark.parametrize(
        "bits", [{"numbers": "text"}, {"notice_url": "nowhere"}, {"paths": {"6302": "/x"}}, {"colour": "red"}]
    )
    def test_a_wrong_field_is_named_without_its_value(self, bits: Data) -> None:
        with pytest.raises(ValidationError) as caught:
            centre_config(**bits)
        assert next(iter(bits)) in str(caught.value)
        assert centres.CENTRE_KEYS.private_key_b64 not in str(caught.value)

    def test_a_key_that_is_none(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="SM2"):
            build_app(centre_config(private_key="AAAA"), tmp_path / "centre.db")
