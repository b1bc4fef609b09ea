"""The fuzz of the envelope's readers: `python -m tests.hostile.fuzz_envelope --inputs 1000000 --seed 1`.

Each input is made of random bytes that its own number seeds, so that `--only NUMBER` makes it again. Exit 1 if anything
but a declared refusal came out, or took longer than a second.
"""

import argparse
import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Iterable

import structlog

from tests.hostile.envelope_inputs import Bytes, body, text
from tests.hostile.envelope_target import Believing, EnvelopeTarget, parse

BYTES_MAX = 600
REALLY_VERIFIED_EVERY = 50
"""A real verification takes a millisecond: most inputs go past it, to what lies behind."""

SLOW_S = 1.0
"""Of the processor: on a busy machine all takes long."""

_TELL_EVERY = 100_000
_CRITICAL = 50


async def fuzz(numbers: Iterable[int], seed: int) -> tuple[Counter[str], list[str]]:
    """How far inputs came, and what was found."""
    believing, judging = EnvelopeTarget(Believing()), EnvelopeTarget(None)
    came: Counter[str] = Counter()
    found: list[str] = []
    began = time.monotonic()
    for done, number in enumerate(numbers, start=1):
        target = believing if number % REALLY_VERIFIED_EVERY else judging
        started = time.process_time()
        try:
            came[await _one(target, random.Random(f"{seed}/{number}"))] += 1  # noqa: S311 - made to be repeated
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
            found.append(f"input {number} of seed {seed}: {type(error).__name__}: {error}")
            _say(found[-1])
        if time.process_time() - started > SLOW_S:
            found.append(f"input {number} of seed {seed}: took {time.process_time() - started:.1f} s")
            _say(found[-1])
        if done % _TELL_EVERY == 0:
            _say(f"{done} inputs, {done / (time.monotonic() - began):.0f} a second, {len(found)} findings")
    return came, found


async def _one(target: EnvelopeTarget, dice: random.Random) -> str:
    data = dice.randbytes(dice.randrange(BYTES_MAX))
    parsed = parse(text(Bytes(data)))
    if parsed is not None:
        await target.feed(parsed)
    return await target.feed(body(Bytes(data)))


def main() -> int:
    """Read the command line and fuzz. The exit code."""
    parser = argparse.ArgumentParser(description="Feeds the readers of the centre's envelope with anything.")
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="the one input that a finding names")
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(_CRITICAL))
    began = time.monotonic()
    numbers = range(asked.inputs) if asked.only is None else [asked.only]
    came, found = asyncio.run(fuzz(numbers, asked.seed))
    for outcome, times in came.most_common():
        _say(f"{times:9} {outcome}")
    _say(f"{len(numbers)} inputs in {time.monotonic() - began:.0f} s, {len(found)} findings")
    return 1 if found else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
