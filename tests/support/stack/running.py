"""One embedded stack, real in every part, and the hands to use it and to trouble it: caller, patient, HIS, kill."""

import itertools
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cli.demo.client import DemoClient
from cli.stack import components, ports, practice
from cli.stack.child import Component
from cli.stack.embedded import EmbeddedStack, embedded_stack
from cli.stack.supervisor import Supervisor
from cli.stack.temporal import TemporalCommand, temporal_binary, temporal_server
from domain.values.fen import Fen, yuan
from gateways.his.http import HttpHospitalSystem
from gateways.http import HttpCaller
from security.crypto.keyring import Keyring
from security.keys.files import write_over
from settings import Settings
from tests.support.stack.api_server import KEY, PRE_SETTLE, SETTLE, Answer, ApiServer, bill, free_port, writing_back
from tests.support.stack.forked import forked_components
from tests.support.values.his_payments import his_payment
from tests.support.waiting import eventually, is_gone

AUTH_MARKER = "PAYAUTHMARKER"
ANNEX_KEY = "annex-caller-key"
"""Of a caller of the hospital "annex", which shares the account of "main" at the centre, and its HIS."""
Call = dict[str, object]
OWN_PORTS = 1_000
"""Of each of the suite's processes: a port is chosen some seconds before anybody listens there."""

_SERIALS = itertools.count(1_000)


def outpatient_call(number: str, **changes: object) -> Call:
    """Interface 1 for a prescription that nobody has paid yet; a change of None leaves a field out."""
    serial = next(_SERIALS)
    bill_facts: Call = {"ORDER_ID": f"9{serial:05d}", "TOTAL": yuan(Fen(serial + 1)), "VISIT_ID": "V1"}
    return bill(**({"medOrgOrd": number, "payAuthNo": f"{AUTH_MARKER}-{number}"} | bill_facts | changes))


def registration_call(number: str, **changes: object) -> Call:
    """Interface 1 for a registration at a clinic where nobody registers today."""
    clinic_id = f"29{next(_SERIALS):05d}"
    facts: Call = {"CATEGORY": "1", "ORDER_ID": None, "VISIT_ID": None, "CLINIC_ID": clinic_id, "TOTAL": "25.00"}
    return outpatient_call(number, **(facts | changes))


def settle_call(order: Call, pay_ord_id: str, **changes: object) -> Call:
    """Interface 2 for that order."""
    facts = {"payOrdId": pay_ord_id, **{name: order.get(name) for name in ("PATIENT_ID", "VISIT_ID", "medOrgOrd")}}
    return writing_back(**(facts | changes))


@dataclass(frozen=True)
class Stack:
    """`others`: the simulators' control calls. `again`: what was started again after it was killed."""

    embedded: EmbeddedStack
    api: ApiServer
    others: DemoClient
    again: list[Supervisor]

    async def pre_settle(self, order: Call) -> Answer:
        """Interface 1, asked until it is answered."""
        return await self.answered(PRE_SETTLE, order)

    async def settle(self, order: Call, pay_ord_id: str, **changes: object) -> Answer:
        """Interface 2, asked until it is answered."""
        return await self.answered(SETTLE, settle_call(order, pay_ord_id, **changes))

    async def answered(self, path: str, body: Call, key: str = KEY) -> Answer:
        """The same call again as long as it says 202, 429 or 503, as a caller would."""
        return await answered_by(self.api, path, body, key=key)

    async def quoted(self, order: Call) -> Mapping[str, str]:
        """DATA of a pre-settlement that must succeed."""
        return data_of(await self.pre_settle(order))

    async def paid(self, order: Call) -> str:
        """Pre-settled and paid by the patient; the payOrdId."""
        pay_ord_id = (await self.quoted(order))["payOrdId"]
        await self.others.patient_pays(pay_ord_id)
        return pay_ord_id

    async def settled(self, order: Call, pay_ord_id: str, **changes: object) -> Mapping[str, str]:
        """DATA of a settlement that must succeed."""
        return data_of(await self.settle(order, pay_ord_id, **changes))

    async def state(self, number: str) -> str:
        return await self.others.state(number)

    async def ord_stas(self, number: str) -> list[int]:
        """Of the orders that the centre has for this payment."""
        return [order["ordStas"] for order in await self.others.centre_orders(number)]

    async def asked_of_centre(self, number: str) -> list[str]:
        return [call["txn"] for call in await self.others.centre_calls(number)]

    async def bookings(self, number: str) -> int:
        return len(await self.others.his_settlements(number))

    async def visits(self, number: str) -> list[str]:
        """That HIS has and that are not cancelled."""
        rows = await self.others.his_registrations(number)
        return [row["VISIT_ID"] for row in rows if not row["cancelled"]]

    async def patient_acts(self, pay_ord_id: str, outcome: str) -> None:
        """Anything but simply paying; see docs/simulators.md."""
        url = f"{self.embedded.insurance_url}/_sim/orders/{pay_ord_id}/pay"
        async with self.api.session.post(url, json={"outcome": outcome, "notify": False}) as response:
            response.raise_for_status()

    async def caller_books(self, order: Call, total_fen: int) -> None:
        """The caller goes to HIS's payment interface by itself."""
        async with HttpCaller() as http:
            his = HttpHospitalSystem(http, self.embedded.his_url)
            facts = {"order_ids": (order["ORDER_ID"],), "visit_id": order["VISIT_ID"]}
            await his.settle(his_payment(str(order["medOrgOrd"]), total_fen, **facts))

    async def kill(self, name: str) -> None:
        """End one component's process, hard."""
        pid = next(running.pids[name] for running in reversed(self._supervisors) if name in running.pids)
        os.killpg(pid, signal.SIGKILL)

        async def gone() -> bool:
            return is_gone(pid)

        await eventually(gone)

    async def start_worker(self) -> None:
        await self._start(components.worker(self.embedded.settings, self.temporal))

    async def start_dying_worker(self, activity: str) -> None:
        """Instead of the worker, one that dies as soon as this activity's result is committed."""
        await self.kill("worker")
        alive = components.worker(self.embedded.settings, self.temporal)
        argv = (sys.executable, "-m", "tests.support.stack.dying_worker", activity)
        await self._start(replace(alive, argv=argv))

    async def start_temporal(self) -> None:
        settings = self.embedded.settings
        await self._start(temporal_server(settings, self.temporal, settings.data_dir, components.codec_url(settings)))

    async def stop_again(self, *names: str) -> None:
        """End what was started again of these, the newest first."""
        for supervisor in reversed(self.again):
            if supervisor.pids.keys() & set(names):
                await supervisor.stop()

    async def _start(self, component: Component) -> None:
        supervisor = Supervisor(self.embedded.settings.data_dir / "logs")
        self.again.append(supervisor)
        with forked_components():
            await supervisor.start(component)

    @property
    def _supervisors(self) -> list[Supervisor]:
        return [self.embedded.supervisor, *self.again]

    @property
    def temporal(self) -> TemporalCommand:
        settings = self.embedded.settings
        return TemporalCommand(
            temporal_binary(settings.temporal_cli), settings.temporal_address, settings.temporal_namespace
        )


def with_another(made: str, name: str, key: str, more: str = "") -> str:
    """A hospitals file with another hospital, which shares the account of "main" and its HIS. `more`: its own lines."""
    account = made.partition("[hospitals.main]\n")[2].partition("\n[[")[0]
    digest = sha256(key.encode()).hexdigest()
    caller = f'[[hospitals.{name}.keys]]\nname = "{name}"\nrole = "caller"\nsha256 = "{digest}"\n'
    return f"{made}\n[hospitals.{name}]\n{account.strip()}\n{more}\n{caller}"


def own_hospitals(folder: Path, change: Callable[[str], str]) -> dict[str, Any]:
    """Settings of a stack whose hospitals file is not quite as it would be made."""
    insurance, his = free_port(), free_port()
    addresses = practice.Addresses(f"http://127.0.0.1:{insurance}", f"http://127.0.0.1:{his}", "http://127.0.0.1:9/")
    made = practice.make_hospital(folder, "main", addresses).read_text(encoding="utf-8")
    own = folder / "own.toml"
    own.write_text(change(made), encoding="utf-8")
    own.chmod(0o600)
    return {"hospitals_file": own, "sim_insurance_port": insurance, "sim_his_port": his}


def _with_annex(make_hospital: Callable[..., Path], *args: Any) -> Path:
    path = make_hospital(*args)
    write_over(path, with_another(path.read_text(encoding="utf-8"), "annex", ANNEX_KEY))
    return path


async def answered_by(api: ApiServer, path: str, body: Call, **more: Any) -> Answer:
    """`Stack.answered`, of any API."""
    answers: list[Answer] = []

    async def is_answered() -> bool:
        answers.append(await api.post(path, body, **more))
        return answers[-1].status not in {202, 429, 503}

    await eventually(is_answered)
    return answers[-1]


def data_of(answer: Answer) -> Mapping[str, str]:
    assert (answer.outcome, answer.json["MSG"]) == ((200, ""), "")
    data: Mapping[str, str] = answer.json["DATA"]
    return data


@asynccontextmanager
async def running_stack(
    folder: Path,
    *,
    annex: bool = False,
    **settings: Any,
) -> AsyncIterator[Stack]:
    """Everything on free ports while the block runs; its data stay in `folder`. `annex`: see `ANNEX_KEY`."""
    with (
        pytest.MonkeyPatch.context() as environment,
        pytest.MonkeyPatch.context() as making,
        ExitStack() as starting,
    ):
        starting.enter_context(forked_components())
        first_port = ports._FREE_FROM + OWN_PORTS * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
        making.setattr(ports, "_FREE_FROM", first_port)
        making.setattr(ports, "_FREE_TO", first_port + OWN_PORTS)
        if annex:
            making.setattr(practice, "make_hospital", partial(_with_annex, practice.make_hospital))
        for name in [name for name in os.environ if name.startswith("MEDPAY_") and name != "MEDPAY_TEMPORAL_CLI"]:
            environment.delenv(name)
        facts: dict[str, Any] = {"data_dir": folder, "api_key": KEY, "sync_wait_s": 3, "his_timeout_s": 2}
        wanted = Settings(_env_file=None, **(facts | settings))
        again: list[Supervisor] = []
        try:
            async with (
                embedded_stack(wanted, lambda _: None, on_any_port=True) as embedded,
                aiohttp.ClientSession() as session,
            ):
                making.undo()  # other stacks are started while this one runs
                starting.close()
                in_force = embedded.settings
                api = ApiServer(embedded.api_url, in_force, Keyring.load(in_force.keyring_path), session)
                stack = Stack(embedded, api, DemoClient(embedded, session), again)
                try:
                    yield stack
                finally:
                    await stack.stop_again("worker")
        finally:
            # A Temporal server that was started again goes last: workers drain with its help.
            for supervisor in again:
                await supervisor.stop()
