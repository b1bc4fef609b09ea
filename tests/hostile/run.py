"""Hostile requests at a real API: `python -m tests.hostile.run --requests 20000 --seed 1`.

Two fifths are Schemathesis's, from the OpenAPI document; the rest is our own corpus. All of it meets the whole embedded
stack; `--alone` leaves Temporal away. Exit 1 if an answer was not as it must be, none came, or memory grew.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.hostile.api_process import ApiProcess, lonely_api
from tests.hostile.corpus import hostile_request
from tests.hostile.judge import complaints
from tests.hostile.raw_corpus import RAW, raw_attack
from tests.hostile.schema_cases import SchemaAttack
from tests.hostile.wire import Attack, NoReply, send
from tests.support.stack.api_server import KEY, KEYS
from tests.support.stack.running import running_stack

AT_ONCE = 8
RAW_EVERY = 6
WARM_UP = 300
"""Requests before memory is first looked at: caches fill, and the first 1 MiB bodies have come."""

GROWTH_KIB_MAX = 48 * 1024
_SHOWN_BYTES = 160
_TELL_EVERY = 2_000


@dataclass
class Verdict:
    """`found`: each complaint with how often, and `shown` the request of the first time."""

    sent: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    shown: dict[str, str] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)

    def complain(self, what: str, request: str) -> None:
        self.found[what] += 1
        self.shown.setdefault(what, request)


def attacks(count: int, seed: int) -> Iterator[Attack]:
    """Every raw one once, then both corpora in turn."""
    dice = random.Random(seed)  # noqa: S311 - made to be repeated
    fixed = [Attack(f"raw: {name}", data, whole=False) for name, data in RAW.items()]
    for number in range(count):
        if number < len(fixed):
            yield fixed[number]
        else:
            yield raw_attack(dice) if number % RAW_EVERY == 0 else hostile_request(dice)


async def corpus(api: ApiProcess, count: int, seed: int, verdict: Verdict) -> None:
    """Send that many, a few at once."""
    waiting = attacks(count, seed)

    async def sender() -> None:
        for attack in waiting:
            await _one(api, attack, verdict)
            if verdict.sent % _TELL_EVERY == 0:
                _say(f"{verdict.sent} requests, {api.memory_kib() // 1024} MiB, {len(verdict.found)} findings")

    await asyncio.gather(*(sender() for _ in range(AT_ONCE)))


async def _one(api: ApiProcess, attack: Attack, verdict: Verdict) -> None:
    verdict.sent += 1
    verdict.kinds[attack.name] += 1
    request = repr(attack.data[:_SHOWN_BYTES])
    try:
        replies = await send(api.host, api.port, attack)
    except (NoReply, ValueError, OSError) as error:
        verdict.complain(f"{attack.name}: {type(error).__name__} {error}", request)
        return
    if attack.whole and not replies:
        verdict.complain(f"{attack.name}: hung up without an answer", request)
    for reply in replies:
        verdict.statuses[reply.status] += 1
        is_head = attack.data.startswith(b"HEAD ")
        for what in complaints(reply.status, reply.headers, reply.body, is_head=is_head):
            verdict.complain(f"{attack.name}: {what}", request)


async def schema(api: ApiProcess, count: int, seed: int, keys: tuple[str, ...], verdict: Verdict) -> None:
    """Schemathesis's part."""
    attack = SchemaAttack(api.url, keys)
    await asyncio.to_thread(attack.run, count, seed)
    verdict.sent += attack.sent
    verdict.statuses += attack.statuses
    verdict.kinds["schemathesis"] += attack.sent
    for what, request in attack.found.items():
        verdict.complain(what, request)


async def campaign(api: ApiProcess, count: int, seed: int, keys: tuple[str, ...]) -> Verdict:
    """All of it, and a look at the memory and the log."""
    verdict = Verdict()
    await corpus(api, WARM_UP, seed - 1, verdict)
    before_kib = api.memory_kib()
    by_schema = count * 2 // 5
    await schema(api, by_schema, seed, keys, verdict)
    await corpus(api, count - verdict.sent, seed, verdict)
    grown_kib = api.memory_kib() - before_kib
    _say(f"memory: {before_kib // 1024} MiB, then {grown_kib / 1024:+.1f} MiB")
    if grown_kib > GROWTH_KIB_MAX:
        verdict.complain(f"memory grew by {grown_kib} KiB", "")
    for line in api.log.read_text(encoding="utf-8", errors="replace").splitlines():
        if "Traceback" in line or '"unforeseen"' in line:
            verdict.complain(f"the log tells of a failure: {line[:300]}", "")
    return verdict


@asynccontextmanager
async def whole_stack(folder: Path) -> AsyncIterator[tuple[ApiProcess, tuple[str, ...]]]:
    """The API with everything behind it, and keys of three roles."""
    async with running_stack(folder, sync_wait_s=1, rate_limit_per_minute=0, refusals_per_minute=0) as stack:
        embedded = stack.embedded
        people = [path.read_text(encoding="utf-8").strip() for path in embedded.person_key_files.values()]
        pid, log = embedded.supervisor.pids["api"], embedded.settings.data_dir / "logs" / "api.log"
        yield ApiProcess("127.0.0.1", embedded.settings.api_port, pid, log), (KEY, *people)


async def run(count: int, seed: int, *, alone: bool) -> Verdict:
    with tempfile.TemporaryDirectory(prefix="medpay-hostile-") as folder:
        if alone:
            async with lonely_api(Path(folder) / "api") as api:
                return await campaign(api, count, seed, (KEY, KEYS["operator"]))
        async with whole_stack(Path(folder)) as (api, keys):
            return await campaign(api, count, seed, keys)


def main() -> int:
    """Read the command line and send. The exit code."""
    parser = argparse.ArgumentParser(description="Sends hostile requests to an API of its own.")
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--alone", action="store_true", help="the API alone: Temporal is away")
    asked = parser.parse_args()
    began = time.monotonic()
    verdict = asyncio.run(run(asked.requests, asked.seed, alone=asked.alone))
    for what, times in verdict.found.most_common():
        _say(f"{times:6} {what}\n         {verdict.shown[what]}")
    statuses = ", ".join(f"{status}: {times}" for status, times in sorted(verdict.statuses.items()))
    _say(f"{verdict.sent} requests in {time.monotonic() - began:.0f} s, {len(verdict.found)} findings; {statuses}")
    return 1 if verdict.found else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
