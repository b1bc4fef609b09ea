"""The chaos campaign: `python -m tests.chaos.campaign --seed 1`, or `make chaos SEED=1`.

Payments of all kinds run on real processes while these are killed, frozen and started again, and the other parties
fail. In the end the books of the centre, of HIS and ours are compared, and with them every answer that a caller was
ever given. Exit 1 if anything is not as it must be. The seed fixes payments, faults and strikes; their timing varies.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from bisect import bisect_right
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import aiohttp
from temporalio.client import Client

from domain.base import PaymentKey
from domain.states import TERMINAL, UNPAID_ENDS, PaymentState
from simulator.insurance.control import PayOutcome
from tests.chaos import report
from tests.chaos.books import Case, is_quoted, look
from tests.chaos.caller import Callers
from tests.chaos.harm import Saboteur
from tests.chaos.plan import FAULTS_PERCENT, DatabaseKind, Plan, Wish, plan_of
from tests.chaos.planted import BUGS
from tests.chaos.processes import Site, running_site
from tests.chaos.rules import broken
from tests.chaos.stories import Cast, order_of
from tests.chaos.told import Promise, Told, webhooks
from tests.support.parties.receiver import Receiver, receiving
from tests.support.waiting import comes_true

REST_S_MAX = 200.0
"""How long payments may take to come to rest once everything is healed: 6401 is repeated every minute at last."""

ORDERING_MAX = 10
"""Payments that wait for their quote at the same time."""

SLOWER_MAX, START_S_MAX = 3, 60.0
"""Payments begin within three times the planned time and a minute."""

STORY_S_MAX = 240.0
"""How long one payment's caller may go on."""

LOOK_EVERY_S = 0.5
STEADY = 6
"""After so many looks that show the same number of open workflows, those are the ones that wait for people."""

TELL_EVERY_S = 15.0
EVENTS_S_MAX = 60.0
REOPENED_S_MAX = 20.0
LAST_PATIENCE_S = 30.0
RESULTS = Path("build/chaos")


@dataclass(frozen=True)
class Asked:
    """The command line. `changes`: to the product's settings of a campaign."""

    seed: int
    payments: int
    kills: int
    database: DatabaseKind
    minutes: float
    plant: str = ""
    faults_percent: int = FAULTS_PERCENT
    changes: dict[str, int] = field(default_factory=dict)

    @property
    def plan(self) -> Plan:
        lasts_s, percent = self.minutes * 60, self.faults_percent
        return plan_of(self.seed, self.payments, self.kills, lasts_s, self.database, faults_percent=percent)


class Campaign:
    """Payments begin at their time, unless too many wait for their quote: on a slow machine all comes later."""

    def __init__(self, site: Site, session: aiohttp.ClientSession, plan: Plan, say: Callable[[str], None]) -> None:
        self._site = site
        self._plan = plan
        self._say = say
        self._began = time.monotonic()
        self._wishes = sorted(plan.wishes, key=lambda wish: wish.begins_s)
        self._ordering = asyncio.Semaphore(ORDERING_MAX)
        self.told = Told()
        self.saboteur = Saboteur(site, session)
        self.callers = Callers(site, session, self.told)
        self.cast = Cast(site, self.callers)
        self.begun: list[Wish] = []
        self._one_more = asyncio.Condition()
        self._all_begun = False
        self._ended = 0

    async def run(self) -> None:
        """Everything that is planned, then peace, until nothing moves any more."""
        telling = asyncio.create_task(self._tell())
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._begin(group))
                group.create_task(self._strike(group))
                group.create_task(self._trouble())
        finally:
            telling.cancel()
        self._say("healing")
        await self._site.heal()
        await self.saboteur.repair()
        self._say(f"at rest: {await self._comes_to_rest()}")
        if await self._hints_at_late_money():
            self._say(f"at rest after hints: {await self._comes_to_rest()}")
        await self._asks_for_the_last_time()

    async def _begin(self, group: asyncio.TaskGroup) -> None:
        """On a machine that is too slow by far the last payments never begin."""
        latest = self._began + SLOWER_MAX * self._plan.lasts_s + START_S_MAX
        for wish in self._wishes:
            await self._until(wish.begins_s)
            await self._ordering.acquire()
            if time.monotonic() > latest:
                self._say(f"too slow: {len(self.begun)} payments have begun, the others will not")
                break
            group.create_task(self._play(wish))
            async with self._one_more:
                self.begun.append(wish)
                self._one_more.notify_all()
        self._all_begun = True
        async with self._one_more:
            self._one_more.notify_all()

    async def _strike(self, group: asyncio.TaskGroup) -> None:
        for disturbance in self._plan.disturbances:
            await self._reached(disturbance.at_s)
            group.create_task(self.saboteur.disturb(disturbance))

    async def _trouble(self) -> None:
        for fault in self._plan.faults:
            await self._reached(fault.at_s)
            await self.saboteur.trouble(fault)

    async def _play(self, wish: Wish) -> None:
        try:
            async with asyncio.timeout(STORY_S_MAX):
                try:
                    quote = await self.cast.orders(wish)
                finally:
                    self._ordering.release()
                await self.cast.goes_on(wish, quote)
        except TimeoutError:
            self._say(f"{wish.number}: its caller gave up after {STORY_S_MAX:.0f} s")
        self._ended += 1

    async def _until(self, at_s: float) -> None:
        await asyncio.sleep(max(0.0, self._began + at_s - time.monotonic()))

    async def _reached(self, at_s: float) -> None:
        """Wait until then, and until the payments that should have begun by then have."""
        await self._until(at_s)
        planned = bisect_right(self._wishes, at_s, key=lambda wish: wish.begins_s)
        async with self._one_more:
            await self._one_more.wait_for(lambda: self._all_begun or len(self.begun) >= planned)

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            lasts = time.monotonic() - self._began
            strikes, answers = len(self.saboteur.done), self.told.calls
            self._say(f"{lasts:.0f} s: {self._ended} stories over, {answers} answers, {strikes} strikes")

    async def _comes_to_rest(self) -> bool:
        """Whether every payment reached an end or people in time. What has not is a finding of the rules."""
        async with self._site.records() as records:
            waiting = [PaymentKey(hospital=wish.hospital, med_org_ord=wish.number) for wish in self.begun]

            async def all_rest() -> bool:
                for key in list(waiting):
                    async with records.read() as unit:
                        row = await unit.payments.find(key)
                    if row is None or (not row.refunding and row.state in TERMINAL | {PaymentState.IN_REVIEW}):
                        waiting.remove(key)
                return not waiting

            return await comes_true(all_rest, REST_S_MAX, LOOK_EVERY_S)

    async def _hints_at_late_money(self) -> int:
        """Tell us by 6302 of money that came when the payment had ended, as a reconciliation would; how often."""
        hinted: list[PaymentKey] = []
        async with self._site.records() as records:
            for wish in self.begun:
                key = PaymentKey(hospital=wish.hospital, med_org_ord=wish.number)
                async with records.read() as unit:
                    row = await unit.payments.find(key)
                if row is None or row.state not in UNPAID_ENDS or wish.number not in self.cast.outside.paid_at:
                    continue
                quote = next(each for each in self.told.answers[wish.number] if each.promise is Promise.PAYABLE)
                await self.cast.patient_does(wish, quote, PayOutcome.PAID, notice=True)
                hinted.append(key)

            async def all_are_open_again() -> bool:
                """Until its workflow is, a row is at rest."""
                async with records.read() as unit:
                    rows = [await unit.payments.find(key) for key in hinted]
                return all(row is not None and row.state not in UNPAID_ENDS for row in rows)

            await comes_true(all_are_open_again, REOPENED_S_MAX, LOOK_EVERY_S)
        return len(hinted)

    async def _asks_for_the_last_time(self) -> None:
        """Every caller, whatever it was told, asks once more."""

        async def ask(wish: Wish) -> None:
            look_ = await self.callers.look(wish, LAST_PATIENCE_S)
            if look_.status != 200:
                return
            await self.callers.pre_settle(wish, order_of(wish), LAST_PATIENCE_S)
            answers = self.told.answers[wish.number]
            if is_quoted(answers):
                quote = next(each for each in answers if each.promise is Promise.PAYABLE)
                await self.callers.settle(wish, self.cast.settle_of(wish, quote.pay_ord_id), LAST_PATIENCE_S)

        self._say("everybody asks for the last time")
        await asyncio.gather(*(ask(wish) for wish in self.begun))


async def _outbox_is_empty(site: Site) -> None:
    """Wait until every notification is delivered; one that is not will be missed by the rules."""
    async with site.records() as records:

        async def all_are_delivered() -> bool:
            async with records.read() as unit:
                newest = [
                    record for hospital in ("main", "callers") for record in await unit.notifications.newest(hospital)
                ]
            return all(record.delivered_at for record in newest)

        await comes_true(all_are_delivered, EVENTS_S_MAX, LOOK_EVERY_S)


async def _nothing_moves(site: Site, client: Client) -> None:
    """Give workflows whose rows have ended the time to close, and Temporal's list the time to show it."""
    await _outbox_is_empty(site)
    counts: list[int] = []

    async def is_steady() -> bool:
        counts.append((await client.count_workflows('ExecutionStatus = "Running"')).count)
        return counts[-1] == 0 or (len(counts) > STEADY and len(set(counts[-STEADY - 1 :])) == 1)

    await comes_true(is_steady, REST_S_MAX / 4, LOOK_EVERY_S)


async def run(asked: Asked, folder: Path, say: Callable[[str], None] = lambda _: None) -> report.Result:
    """One campaign, in a folder of its own."""
    began, plan, receiver = time.monotonic(), asked.plan, Receiver()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(receiving(receiver))
        site = await stack.enter_async_context(
            running_site(folder, asked.database, receiver, asked.plant, say, **asked.changes)
        )
        session = await stack.enter_async_context(aiohttp.ClientSession())
        say(f"ready for {len(plan.wishes)} payments, {len(plan.disturbances)} strikes, {len(plan.faults)} faults")
        campaign = Campaign(site, session, plan, say)
        await campaign.run()
        client = await Client.connect(site.settings.temporal_address, namespace=site.settings.temporal_namespace)
        await _nothing_moves(site, client)
        campaign.told.add_webhooks(webhooks(receiver))
        cases = await look(site, client, campaign.begun, campaign.told, campaign.cast.outside)
        result = _result(asked, campaign, cases, site, len(receiver.told))
    result.took_s = time.monotonic() - began
    return result


def _result(asked: Asked, campaign: Campaign, cases: list[Case], site: Site, events: int) -> report.Result:
    by_number = {case.wish.number: case for case in cases}
    return report.Result(
        seed=asked.seed,
        database=asked.database,
        plant=asked.plant,
        payments=len(cases),
        took_s=0.0,
        calls=campaign.told.calls,
        endings=report.endings(cases),
        reviews=report.reviews(cases),
        answers=report.answers(campaign.told),
        strikes=report.strikes(campaign.saboteur.done),
        struck=report.struck(campaign.saboteur.done),
        strikes_left_out=campaign.saboteur.left_out,
        ended_by_themselves=dict(site.ended),
        webhooks=events,
        recovery=report.recovery(campaign.saboteur.done, campaign.told),
        violations=[report.violation(by_number[number], each) for number, each in broken(cases)],
    )


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _asked() -> tuple[Asked, Path | None, Path | None]:
    parser = argparse.ArgumentParser(description="Payments on processes that are killed, frozen and started again.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--payments", type=int, default=300)
    parser.add_argument("--kills", type=int, default=12, help="strikes in all: SIGKILL, SIGSTOP and SIGTERM")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--minutes", type=float, default=3.0, help="over which payments begin; what follows is bounded")
    parser.add_argument("--plant", choices=sorted(BUGS), default="", help="a bug to be found, in workers and APIs")
    parser.add_argument("--faults", type=int, default=FAULTS_PERCENT, help="of centre and HIS, for a hundred payments")
    parser.add_argument("--result", type=Path, help="the JSON file; build/chaos/seed-N-DATABASE.json by default")
    parser.add_argument("--keep", type=Path, help="an empty folder for data and logs, which are kept")
    given = parser.parse_args()
    database: Literal["sqlite", "postgresql"] = given.database
    asked = Asked(given.seed, given.payments, given.kills, database, given.minutes, given.plant, given.faults)
    return asked, given.result, given.keep


def main() -> int:
    """Read the command line and run. The exit code."""
    asked, path, keep = _asked()
    for name in [name for name in os.environ if name.startswith("MEDPAY_") and name != "MEDPAY_TEMPORAL_CLI"]:
        del os.environ[name]
    with tempfile.TemporaryDirectory(prefix="medpay-chaos-") as folder:
        result = asyncio.run(run(asked, (keep or Path(folder)).resolve(), _say))
    for line in result.lines():
        _say(line)
    planted = f"-{asked.plant}" if asked.plant else ""
    path = path or RESULTS / f"seed-{asked.seed}-{asked.database}{planted}.json"
    result.write(path)
    _say(f"result      {path}")
    return 1 if result.violations else 0


if __name__ == "__main__":
    sys.exit(main())
