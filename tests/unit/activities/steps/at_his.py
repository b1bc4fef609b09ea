"""A registration that HIS is to make: its step, and the workers that take it. HIS is the simulator."""

from dataclasses import dataclass
from typing import Any

from activities.call_log import CallLog
from activities.contract.his import Booking, BookPayment, HisActivities
from activities.his import His
from activities.reporting import name_of
from domain.states import PaymentState
from gateways.his.port import HospitalSystem
from storage.records import StepKey
from storage.session import Database
from tests.support.parties.his_simulator import HisSimulator
from tests.support.stack.database import rows
from tests.support.stack.stepping import take
from tests.support.values.his_payments import his_registration
from tests.support.values.orders import registration
from tests.support.values.records import key_of

ORDER = registration("S1")
KEY = key_of(ORDER)
REGISTER = StepKey(workflow_id=ORDER.workflow_id, name=name_of(HisActivities.register), number=1)


def register_step(number: int = 1, visit_id: str | None = None) -> BookPayment:
    """The workflow's step, which knows the payment as PAID."""
    payment = his_registration("S1", visit_id=visit_id).model_dump(exclude={"hospital", "med_org_ord"})
    stamp = {"revision": 99, "number": number, "known_state": PaymentState.PAID}
    return BookPayment(**KEY.model_dump(), **stamp, **payment)


@dataclass
class AtHis:
    """HIS, our records, and a worker; `another` is one of another process."""

    simulator: HisSimulator
    system: HospitalSystem
    database: Database

    def __post_init__(self) -> None:
        self.call_log = CallLog(self.database)
        self.worker = His(self.call_log, {ORDER.hospital: self.system})

    def another(self, system: HospitalSystem | None = None) -> His:
        return His(CallLog(self.database), {ORDER.hospital: system or self.system})

    async def register(self, step: BookPayment | None = None, worker: His | None = None) -> Booking:
        return await take((worker or self.worker).register, step or register_step())

    async def calls(self) -> list[str]:
        """What HIS was sent, in order."""
        return [call["txn"] for call in await self.simulator.rows("/_sim/calls")]

    async def logged(self) -> list[tuple[str, str | None]]:
        """Our own log of what was sent to register."""
        query = """SELECT "transaction", outcome FROM call_log WHERE "transaction" = 'register' ORDER BY id"""
        return [(row["transaction"], row["outcome"]) for row in await self._rows(query)]

    async def steps(self) -> list[tuple[str, int, str]]:
        query = "SELECT name, number, outcome FROM step ORDER BY id"
        return [(row["name"], row["number"], row["outcome"]) for row in await self._rows(query)]

    async def _rows(self, query: str) -> list[dict[str, Any]]:
        return await rows(self.database._engines.reader, query)
