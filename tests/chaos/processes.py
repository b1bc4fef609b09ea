"""The processes of a campaign: two workers, two APIs, Temporal, simulators, PostgreSQL; struck and restored."""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from cli.connections import migrate
from cli.stack import components
from cli.stack.child import Child, send
from cli.stack.child import Component as Program
from cli.stack.embedded import _with_files
from cli.stack.folder import data_folder
from cli.stack.ports import LOOPBACK, with_ports
from cli.stack.temporal import TemporalCommand, temporal_binary, temporal_server
from gateways.insurance.profile import DEFAULT_PATHS
from security.crypto.keyring import Keyring
from settings import Settings
from storage.session import Database
from tests.chaos.plan import Component, DatabaseKind, Harm
from tests.chaos.planted import PLANT, PROCESS
from tests.chaos.postgresql import PostgresServer, postgres_server
from tests.support.parties.receiver import Receiver
from tests.support.stack.api_server import KEY, free_port
from tests.support.waiting import WAIT_S_MAX, comes_true

CALLERS_KEY = "callers-caller-key"
CENTRE_TIMEOUT_S = 2
LOOK_EVERY_S = 0.25
BACK_AFTER_S = 1.0
"""A process that ended by itself is started again after this, as a service manager does."""

HASTE = {
    "sync_wait_s": 3,
    "his_timeout_s": 2,
    "payment_window_s": 25,
    "auto_finish_after_s": 8,
    "his_retry_budget_s": 20,
    "pre_settle_budget_s": 90,
    "rate_limit_per_minute": 0,
    "refusals_per_minute": 0,
    "log_level": "warning",
}
"""Settings under which a campaign of minutes sees every ending."""

_GROUPS = {Component.WORKERS: (Component.WORKER_1, Component.WORKER_2)}


@dataclass
class Site:
    """`settings`: of the first API and of both workers. `ended`: how often each program ended by itself."""

    settings: Settings
    programs: dict[Component, Program]
    api_urls: tuple[str, str]
    postgres: PostgresServer | None
    ended: Counter[str] = field(default_factory=Counter)
    _children: dict[Component, Child] = field(default_factory=dict)
    _watchers: dict[Component, asyncio.Task[None]] = field(default_factory=dict)
    _frozen: set[Component] = field(default_factory=set)

    @property
    def centre_url(self) -> str:
        return f"http://{LOOPBACK}:{self.settings.sim_insurance_port}"

    @property
    def his_url(self) -> str:
        return f"http://{LOOPBACK}:{self.settings.sim_his_port}"

    @property
    def centre_books(self) -> Path:
        return self.settings.data_dir / "simulator-insurance.db"

    @property
    def his_books(self) -> Path:
        return self.settings.data_dir / "simulator-his.db"

    def records(self) -> Database:
        return Database(self.settings.database, Keyring.load(self.settings.keyring_path))

    async def start(self, *components_: Component) -> None:
        """Start these and wait until each is ready."""
        for component in components_:
            await self._launch(component)
        await asyncio.gather(*(self._children[component].until_ready() for component in components_))

    async def strike(self, component: Component, harm: Harm) -> None:
        """Kill, freeze or end it now. One that is ended or killed stays away until `restore`."""
        await asyncio.gather(*(self._strike(each, harm) for each in _GROUPS.get(component, (component,))))

    async def restore(self, component: Component) -> None:
        """Wake what is frozen, and start what is away; nothing is waited for."""
        for each in _GROUPS.get(component, (component,)):
            if each is Component.POSTGRESQL:
                await asyncio.to_thread(self._restore_postgres)
            elif each in self._frozen:
                os.killpg(self._children[each].pid, signal.SIGCONT)
                self._frozen.discard(each)
            elif each not in self._watchers:
                await self._launch(each)

    def is_whole(self, component: Component) -> bool:
        """Whether no part of it is frozen or away."""
        parts = _GROUPS.get(component, (component,))
        return all(each not in self._frozen and (each in self._watchers or not self._is_child(each)) for each in parts)

    async def heal(self) -> None:
        """Everything runs again and is ready."""
        for component in [*self.programs, *([Component.POSTGRESQL] if self.postgres else [])]:
            await self.restore(component)
        await asyncio.gather(*(self._until_ready(component) for component in self.programs))

    async def close(self) -> None:
        """End everything, Temporal last: workers drain with its help."""
        for component in reversed(self.programs):
            self._unwatch(component)
            if component in self._frozen:
                os.killpg(self._children[component].pid, signal.SIGCONT)
            if component in self._children:
                await self._children[component].stop()
        self._children.clear()

    def _is_child(self, component: Component) -> bool:
        return component in self.programs

    async def _until_ready(self, component: Component) -> None:
        program = self.programs[component]

        async def is_ready() -> bool:
            return await program.is_ready(self._children[component].pid)

        if not await comes_true(is_ready, WAIT_S_MAX, LOOK_EVERY_S):
            raise self._children[component].failure("was not ready when all was healed")

    async def _launch(self, component: Component) -> None:
        child = await Child.start(self.programs[component], self.settings.data_dir / "logs")
        self._children[component] = child
        self._watchers[component] = asyncio.create_task(self._watch(component, child))

    async def _watch(self, component: Component, child: Child) -> None:
        """What ends by itself, for instance since Temporal is away, is started again."""
        await child._process.wait()
        self.ended[component.value] += 1
        await asyncio.sleep(BACK_AFTER_S)
        await self._launch(component)

    def _unwatch(self, component: Component) -> None:
        watcher = self._watchers.pop(component, None)
        if watcher is not None:
            watcher.cancel()

    async def _strike(self, component: Component, harm: Harm) -> None:
        if component is Component.POSTGRESQL:
            await asyncio.to_thread(self._strike_postgres, harm)
            return
        child = self._children[component]
        if harm is Harm.FREEZE:
            self._frozen.add(component)
            os.killpg(child.pid, signal.SIGSTOP)
            return
        self._unwatch(component)
        if harm is Harm.KILL:
            child.kill()
            await child._process.wait()
        else:
            send(child._process, signal.SIGTERM)
            await child.stop()

    def _strike_postgres(self, harm: Harm) -> None:
        if self.postgres is None:
            raise ValueError("there is no PostgreSQL in this campaign")
        if harm is Harm.STOP:
            self.postgres.stop()
        else:
            self.postgres.signal(signal.SIGKILL if harm is Harm.KILL else signal.SIGSTOP)
        self._frozen |= {Component.POSTGRESQL}
        self._postgres_needs = harm

    def _restore_postgres(self) -> None:
        if self.postgres is None or Component.POSTGRESQL not in self._frozen:
            return
        if self._postgres_needs is Harm.FREEZE:
            self.postgres.signal(signal.SIGCONT)
        else:
            self.postgres.start()
        self._frozen.discard(Component.POSTGRESQL)

    _postgres_needs: Harm = Harm.FREEZE


@asynccontextmanager
async def running_site(
    folder: Path,
    database: DatabaseKind,
    receiver: Receiver,
    plant: str = "",
    say: Callable[[str], None] = lambda _: None,
    **changes: int,
) -> AsyncIterator[Site]:
    """Everything, ready, while the block runs. `plant`: the bug that workers and APIs have. `changes`: to `HASTE`."""
    facts: dict[str, Any] = {"data_dir": folder, "api_key": KEY, **HASTE, **changes}
    async with AsyncExitStack() as stack:
        server = stack.enter_context(postgres_server()) if database == "postgresql" else None
        if server is not None:
            facts["database_url"] = server.url
        place = stack.enter_context(data_folder(folder))
        ported, _ = with_ports(Settings(_env_file=None, **facts), place, on_any=True)
        settings = _with_two_hospitals(_with_files(ported, place, say), receiver)
        await migrate(settings.database)
        second = Settings(_env_file=None, **{**settings.model_dump(), "api_port": free_port()})
        site = Site(
            settings=settings,
            programs=_programs(settings, second, place, plant),
            api_urls=(components.api_url(settings), components.api_url(second)),
            postgres=server,
        )
        stack.push_async_callback(site.close)
        await site.start(Component.TEMPORAL, Component.CENTRE, Component.HIS)
        await site.start(Component.WORKER_1, Component.WORKER_2, Component.API_1, Component.API_2)
        yield site


def _programs(settings: Settings, second: Settings, folder: Path, plant: str) -> dict[Component, Program]:
    binary = temporal_binary(settings.temporal_cli)
    temporal = TemporalCommand(binary, settings.temporal_address, settings.temporal_namespace)
    worker = components.worker(settings, temporal)
    programs = {
        Component.TEMPORAL: temporal_server(settings, temporal, folder, components.codec_url(settings)),
        Component.CENTRE: components.simulator(settings, "insurance", settings.sim_insurance_port),
        Component.HIS: components.simulator(settings, "his", settings.sim_his_port),
    }
    ours = {
        Component.WORKER_1: worker,
        Component.WORKER_2: worker,
        Component.API_1: components.api(settings),
        Component.API_2: components.api(second),
    }
    programs |= {component: _planted(program, component, plant) for component, program in ours.items()}
    return {component: replace(program, name=component.value) for component, program in programs.items()}


def _planted(program: Program, component: Component, plant: str) -> Program:
    """The same command with a bug in it; the product itself if there is none."""
    if not plant:
        return program
    command = program.argv[program.argv.index("cli") + 1 :]
    argv = (sys.executable, "-P", "-m", "tests.chaos.planted_process", *command)
    return replace(program, argv=argv, env={**program.env, PLANT: plant, PROCESS: component.value})


def _with_two_hospitals(settings: Settings, receiver: Receiver) -> Settings:
    """A second hospital, whose callers register visits themselves, at the same centre; both are notified."""
    made = settings.hospitals_path.read_text(encoding="utf-8")
    timeouts = ", ".join(f'"{transaction}" = {CENTRE_TIMEOUT_S}' for transaction in DEFAULT_PATHS)
    made = made.replace("\n[hospitals.", f"timeouts_s = {{ {timeouts} }}\n\n[hospitals.", 1)
    account = made.partition("[hospitals.main]\n")[2].partition("\n[[")[0]
    webhook = f'[hospitals.{{}}.webhook]\nurl = "{receiver.url}"\nsecret = "{receiver.secret}"\n'
    digest = sha256(CALLERS_KEY.encode()).hexdigest()
    path = settings.data_dir / "hospitals-of-campaign.toml"
    path.write_text("\n".join(_lines(made, account, webhook, digest)), encoding="utf-8")
    path.chmod(0o600)
    return Settings(_env_file=None, **{**settings.model_dump(), "hospitals_file": path})


def _lines(made: str, account: str, webhook: str, digest: str) -> Iterable[str]:
    yield made
    yield webhook.format("main")
    yield f'[hospitals.callers]\n{account.strip()}\nregisters = "caller"\n'
    yield webhook.format("callers")
    yield f'[[hospitals.callers.keys]]\nname = "callers"\nrole = "caller"\nsha256 = "{digest}"\n'
