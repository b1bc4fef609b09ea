"""The random campaign: `python -m tests.property.campaign --runs 10000 --seed 1`, or `--script JSON` for one run again.

Runs are made in batches, each from a seed of its own. A batch that finds something is shrunk to the smallest script;
that, the broken rule and the batch's seed are printed, and the campaign goes on. Exit 1 if anything was found.
"""

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis.errors import Flaky
from temporalio.service import RPCError

from tests.property.script import Script, TestServerError, play
from tests.property.stage import Stage, migrated_database, open_stage
from tests.property.strategies import SCRIPTS

BATCH = 200
FORGETFUL = 5
CHANCES = 3
RUN_S_MAX = 120
"""A run takes a fifth of a second. One that takes minutes is a finding too."""


@dataclass(frozen=True)
class Finding:
    """`script`: the smallest that hypothesis found. `seed`: of its batch."""

    seed: int
    rule: str
    script: str

    def __str__(self) -> str:
        return f"seed {self.seed}: {self.rule}\n  script {self.script}"


class Theatre:
    """Plays scripts one after the other, from code that is not asynchronous."""

    def __init__(self, runner: asyncio.Runner, opening: Callable[[], AbstractAsyncContextManager[Stage]]) -> None:
        self._runner = runner
        self._opening = opening
        self._open()
        self.played = 0
        self.ends: Counter[str] = Counter()
        self.last_ends: list[str] = []

    def play(self, script: Script) -> None:
        """Raises AssertionError for a rule that is broken, TimeoutError for a run without an end."""
        self.played += 1
        for chance in range(1, CHANCES + 1):
            try:
                self.last_ends = self._play(script)
                break
            except (RPCError, TimeoutError, TestServerError):
                # The test server may miscount what holds its clock, or forget a timeout: it is of no use then.
                if chance == CHANCES:
                    raise
                self.close()
                self._open()
        self.ends.update(self.last_ends)

    def close(self) -> None:
        """Close the stage. A server that is of no use any more may not even let go in order."""
        with suppress(RPCError):
            self._runner.run(self._context.__aexit__(None, None, None))

    def _open(self) -> None:
        self._context = self._opening()
        self._stage = self._runner.run(self._context.__aenter__())

    def _play(self, script: Script) -> list[str]:
        return self._runner.run(asyncio.wait_for(play(self._stage, script), RUN_S_MAX))


@contextmanager
def _quiet() -> Iterator[None]:
    """Each failed attempt would be told with its traceback, and failures are what this is about."""
    logger = logging.getLogger("temporalio")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def open_theatre(seed: int = 1) -> Iterator[Theatre]:
    """A stage of its own: server, worker, and an empty database in a temporary folder.

    At every `FORGETFUL`th seed its worker restarts, as it were, before each task; that is three times as slow.
    """
    with (
        _quiet(),
        tempfile.TemporaryDirectory(prefix="medpay-random-") as folder,
        asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner,
    ):
        url = migrated_database(Path(folder))
        theatre = Theatre(runner, partial(open_stage, url, forgetful=seed % FORGETFUL == 0))
        try:
            yield theatre
        finally:
            theatre.close()


def batch(theatre: Theatre, seed: int, runs: int) -> Finding | None:
    """`runs` scripts made from `seed`; the smallest one that breaks a rule, if there is one."""
    failed: list[Finding] = []

    @seeded(seed)
    @settings(
        max_examples=runs,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
        report_multiple_bugs=False,
    )
    @given(SCRIPTS)
    def rules_hold(script: Script) -> None:
        try:
            theatre.play(script)
        except Exception as error:
            failed.append(Finding(seed, f"{type(error).__name__}: {error}", script.model_dump_json()))
            raise

    try:
        rules_hold()
    except Flaky:
        # It depends on what came in between: the first failure is what there is to go by.
        return replace(failed[0], rule=f"not always so: {failed[0].rule}")
    except Exception:  # noqa: BLE001 - whatever it is, it is the finding, and the smallest was played last
        return failed[-1]
    return None


def campaign(runs: int, seed: int) -> list[Finding]:
    """All batches; progress and findings are printed as they come, and at the end how payments ended."""
    found: list[Finding] = []
    ends: Counter[str] = Counter()
    began, done = time.monotonic(), 0
    for each in range(seed, seed + -(-runs // BATCH)):
        size = min(BATCH, runs - done)
        with open_theatre(each) as theatre:
            finding = batch(theatre, each, size)
        done += size
        ends += theatre.ends
        if finding is not None:
            found.append(finding)
            _say(str(finding))
        rate = done / (time.monotonic() - began)
        _say(f"{done} of {runs} runs, {rate:.1f} a second, {len(found)} batches with a finding")
    for end, payments in ends.most_common():
        _say(f"{payments:8} {end}")
    return found


def main() -> int:
    """Read the command line and play. The exit code."""
    parser = argparse.ArgumentParser(description="Random runs of payments against the real workflow.")
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1, help=f"of the first batch of {BATCH} runs; the next ones follow")
    parser.add_argument("--script", help="play this one script, as a finding prints it")
    asked = parser.parse_args()
    if asked.script is None:
        return 1 if campaign(asked.runs, asked.seed) else 0
    with open_theatre() as theatre:
        theatre.play(Script.model_validate_json(asked.script))
    _say("every rule held")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
