"""Does to the processes and to the other parties what the plan says, and notes when."""

import asyncio
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from domain.errors import Transaction
from tests.chaos.plan import Component, Disturbance, Harm, PartyFault, is_centres
from tests.chaos.processes import Site
from tests.support.waiting import comes_true

AIM_S_MAX = 6.0
AIM_EVERY_S = 0.004
PARTY_S_MAX = 2.0
MS = 1_000


@dataclass(frozen=True)
class Done:
    """A disturbance that was made. `at`, `over`: seconds since the epoch. `aimed`: whether it met its call.

    `over` is when the component was started or woken again: from then on it may work.
    """

    component: Component
    harm: Harm
    at: float
    over: float
    aimed: bool


class Saboteur:
    def __init__(self, site: Site, session: aiohttp.ClientSession) -> None:
        self._site = site
        self._session = session
        self.done: list[Done] = []
        self.left_out = 0
        self.faults_left_out = 0

    async def disturb(self, disturbance: Disturbance) -> None:
        """Strike, now or at its call. One of a component that is away already is left out, and counted."""
        aimed = False
        if disturbance.aim is not None:
            aimed = await self._call_of(disturbance.aim)
            await asyncio.sleep(disturbance.after_ms / MS)
        component = disturbance.component
        if not self._site.is_whole(component):
            self.left_out += 1
            return
        at = time.time()
        await self._site.strike(component, disturbance.harm)
        await asyncio.sleep(disturbance.lasts_s)
        await self._site.restore(component)
        self.done.append(Done(component, disturbance.harm, at, time.time(), aimed))

    async def trouble(self, fault: PartyFault) -> None:
        """Give the centre or HIS a fault. A simulator that is away gets none."""
        url = self._site.centre_url if is_centres(fault.txn) else self._site.his_url
        body: dict[str, object] = {"txn": fault.txn.value, "kind": fault.kind.value, "times": fault.times}
        if fault.seconds is not None:
            body["seconds"] = fault.seconds
        try:
            async with self._session.post(
                f"{url}/_sim/faults", json=body, timeout=aiohttp.ClientTimeout(PARTY_S_MAX)
            ) as response:
                response.raise_for_status()
        except (aiohttp.ClientConnectionError, TimeoutError):
            self.faults_left_out += 1

    async def repair(self) -> None:
        """Take all faults back."""
        for url in (self._site.centre_url, self._site.his_url):
            async with self._session.delete(f"{url}/_sim/faults") as response:
                response.raise_for_status()

    async def _call_of(self, transaction: Transaction) -> bool:
        """Whether the other party got such a call soon. Its own log is read, so the call has just arrived there."""
        books = self._site.centre_books if is_centres(transaction) else self._site.his_books
        with closing(open_books(books)) as connection:
            (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM sim_call").fetchone()
            query = "SELECT 1 FROM sim_call WHERE id > ? AND txn = ? LIMIT 1"

            async def has_arrived() -> bool:
                return connection.execute(query, (last, transaction.value)).fetchone() is not None

            return await comes_true(has_arrived, AIM_S_MAX, AIM_EVERY_S)


def open_books(path: Path) -> sqlite3.Connection:
    """A simulator's own database, to be read beside it."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None, timeout=PARTY_S_MAX)
    connection.row_factory = sqlite3.Row
    return connection
