"""The insurance centre's simulator on a free port: a hospital that seals what it likes, and the control calls."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from domain.values.fen import parse_yuan
from gateways.insurance.envelope import OpenedAnswer
from gateways.insurance.profile import CentreProfile
from simulator.insurance.config import CentreConfig
from simulator.insurance.server import build_app
from tests.support.parties.listening import serving
from tests.support.values import centres
from tests.support.values.envelope_vector import APP_ID, APP_SECRET

Data = dict[str, Any]
ID_NO = "110101199003070134"


class Clock:
    """The centre's time, which stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 5, 1, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


@dataclass(frozen=True)
class Uploaded:
    """An order that 6201 has brought about; `data` is what was sent."""

    pay_ord_id: str
    pay_token: str
    data: Data

    def placement(self, serial: str, **changes: object) -> Data:
        """6202's data."""
        data = {
            "payAuthNo": self.data["payAuthNo"],
            "payOrdId": self.pay_ord_id,
            "payToken": self.pay_token,
            "orgCodg": self.data["orgCodg"],
            "orgBizSer": serial,
            "chrgBchno": self.data["chrgBchno"],
            "feeType": self.data["feeType"],
            "mdtrtId": self.data["mdtrtId"],
            "acctUsedFlag": "1",
        }
        return data | changes

    def named(self, **changes: object) -> Data:
        """6301's and 6401's data."""
        data = {
            "payOrdId": self.pay_ord_id,
            "orgCodg": self.data["orgCodg"],
            "payToken": self.pay_token,
            "idNo": self.data["idNo"],
            "userName": self.data["userName"],
            "idType": "01",
        }
        return data | changes


def upload(med_org_ord: str, *amounts: str, **changes: object) -> Data:
    """6201's data for 张三, one detail for each of `amounts` (yuan)."""
    wanted = amounts or ("128.50",)
    total = sum(parse_yuan(amount) for amount in wanted)
    data = {
        "orgCodg": centres.ACCOUNT.org_codg,
        "psnNo": "P100001",
        "insutype": "310",
        "medOrgOrd": med_org_ord,
        "begntime": "2026-01-05 09:00:00",
        "idNo": ID_NO,
        "userName": "张三",
        "idType": "01",
        "payAuthNo": f"AUTH-{med_org_ord}",
        "insuCode": "110101",
        "iptOtpNo": "MZ100001",
        "deptCode": "A03",
        "deptName": "心内一科",
        "caty": "A03.04",
        "mdtrtId": "MD100001",
        "medType": "11",
        "feeType": "01",
        "medfeeSumamt": f"{total // 100}.{total % 100:02d}",
        "psnSetlway": "01",
        "chrgBchno": med_org_ord,
        "uldLatlnt": "116.40,39.90",
        "mdtrtCertType": "01",
        "feedetailList": [_detail(str(at), med_org_ord, amount) for at, amount in enumerate(wanted, 1)],
    }
    return data | changes


def refund_of(pay_ord_id: str, number: str, parts: tuple[str, str, str], **changes: object) -> Data:
    """6203's data. `parts`: cash, personal account, pooled fund, in yuan. The token is to be among `changes`."""
    total = sum(parse_yuan(part) for part in parts)
    data = {
        "payOrdId": pay_ord_id,
        "appRefdSn": number,
        "appRefdTime": "20260105093000",
        "totlRefdAmt": f"{total // 100}.{total % 100:02d}",
        "cashRefdAmt": parts[0],
        "psnAcctRefdAmt": parts[1],
        "fundRefdAmt": parts[2],
        "refdType": "ALL",
    }
    return data | changes


def without(data: Data, *names: str) -> Data:
    return {name: value for name, value in data.items() if name not in names}


def _detail(serial: str, batch: str, amount: str) -> Data:
    return {
        "feedetlSn": serial,
        "chrgBchno": batch,
        "mdtrtId": "MD100001",
        "psnNo": "P100001",
        "feeOcurTime": "2026-01-05 09:00:00",
        "detItemFeeSumamt": amount,
        "cnt": "1",
        "pric": amount,
    }


class SimulatedCentre:
    """A hospital's raw way to the simulator, and a hand on its control calls."""

    def __init__(self, url: str, session: aiohttp.ClientSession, profile: CentreProfile, clock: Clock) -> None:
        self.url = url
        self.profile = profile
        self.clock = clock
        self.hospital = centres.hospital_side(profile)
        self._session = session

    async def call(self, txn: str, data: Data) -> OpenedAnswer:
        """One transaction, sealed; its verified answer."""
        body = await self.hospital.seal_request(data)
        status, content = await self.post(txn, json.dumps(body).encode())
        assert status == 200
        return await self.hospital.open_answer(json.loads(content))

    async def done(self, txn: str, data: Data) -> Data:
        """A transaction that must be accepted; its data."""
        answer = await self.call(txn, data)
        assert (answer.code, answer.signed) == ("0", True), answer.message
        return answer.data

    async def refusal(self, txn: str, data: Data) -> str:
        """A transaction that must be refused, by a signed answer; its message."""
        answer = await self.call(txn, data)
        assert answer.code != "0"
        assert answer.signed
        assert answer.data == {}
        return answer.message

    async def post(self, txn: str, body: bytes, timeout_s: float = 30) -> tuple[int, bytes]:
        """One transaction's path, with any body."""
        limit = aiohttp.ClientTimeout(total=timeout_s)
        async with self._session.post(self.url + self.profile.path(txn), data=body, timeout=limit) as response:
            return response.status, await response.read()

    async def control(self, method: str, path: str, **body: Any) -> tuple[int, Any]:
        """One control call; its status and JSON."""
        async with self._session.request(method, self.url + path, **body) as response:
            return response.status, json.loads(await response.read())

    async def rows(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """A control call's JSON that must be there."""
        status, rows = await self.control("GET", path)
        assert status == 200
        return rows

    async def fault(self, txn: str, kind: str, times: int = 1, **more: object) -> None:
        status, _ = await self.control("POST", "/_sim/faults", json={"txn": txn, "kind": kind, "times": times, **more})
        assert status == 200

    async def verdicts(self, med_org_ord: str) -> list[tuple[str, str | None]]:
        calls = await self.rows(f"/_sim/calls?medOrgOrd={med_org_ord}")
        return [(call["txn"], call["verdict"]) for call in calls]

    async def pay(self, pay_ord_id: str, outcome: str = "paid", *, notify: bool = False) -> Data:
        """The patient acts; the order afterwards."""
        wish = {"outcome": outcome, "notify": notify}
        status, order = await self.control("POST", f"/_sim/orders/{pay_ord_id}/pay", json=wish)
        assert status == 200, order
        return dict(order)

    async def uploaded(self, med_org_ord: str, *amounts: str, **changes: object) -> Uploaded:
        data = upload(med_org_ord, *amounts, **changes)
        answer = await self.done("6201", data)
        return Uploaded(answer["payOrdId"], answer["payToken"], data)

    async def placed(self, med_org_ord: str, *amounts: str, **changes: object) -> Uploaded:
        """Uploaded and pre-settled."""
        uploaded = await self.uploaded(med_org_ord, *amounts, **changes)
        await self.done("6202", uploaded.placement(f"{med_org_ord}-1"))
        return uploaded

    async def settled(self, med_org_ord: str, *amounts: str, **changes: object) -> tuple[Uploaded, str]:
        """Paid; its revsToken too."""
        order = await self.placed(med_org_ord, *amounts, **changes)
        await self.pay(order.pay_ord_id)
        return order, (await self.done("6301", order.named()))["revsToken"]


def centre_config(**bits: object) -> CentreConfig:
    """The centre's side of `tests.support.values.centres`."""
    facts = {
        "private_key": centres.CENTRE_KEYS.private_key_b64,
        "app_id": APP_ID,
        "app_secret": APP_SECRET,
        "hospital_public_key": centres.HOSPITAL_KEYS.public_key_b64,
        "org_codg": centres.ACCOUNT.org_codg,
    }
    return CentreConfig.model_validate(facts | bits)


_SHARED = {"version", "timestamp", "numbers", "enc_hex", "sm2_user_id", "reversal_token_field", "paths", "id_types"}


@asynccontextmanager
async def simulated_centre(
    database: Path, clock: Clock | None = None, **bits: object
) -> AsyncIterator[SimulatedCentre]:
    """`bits`: of its configuration."""
    config, clock = centre_config(**bits), clock or Clock()
    async with serving(build_app(config, database, clock)) as url, aiohttp.ClientSession() as session:
        profile = centres.profile(url, **config.model_dump(include=_SHARED))
        yield SimulatedCentre(url, session, profile, clock)
