"""A script: what is ordered and what happens, one step after the other. It is data, so that it shrinks and replays."""

from itertools import count

from domain.base import Frozen
from simulator.insurance.control import PayOutcome
from tests.property.rules.payments import check
from tests.property.run import HospitalSpec, OrderSpec, Run
from tests.property.stage import Stage
from tests.property.steps.kinds import Goes, Pay, PaysLate, Step
from tests.property.steps.refunding import end_refunds, refunds_at_rest
from tests.support.stack.time_skipping import by_servers_time

REST_STEP_S = 900
REST_STEPS_MAX = 40
"""Ten hours: more than all deadlines of a payment one after the other."""

_runs = count(1)


class Script(Frozen):
    """`heals`: whether all faults end with the last step, or those that are left go on."""

    hospital: HospitalSpec = HospitalSpec()
    orders: tuple[OrderSpec, ...]
    steps: tuple[Step, ...]
    heals: bool = True


class TestServerError(Exception):
    """The test server did what Temporal's doesn't: the run says nothing about us."""

    __test__ = False


class NeverAtRestError(AssertionError):
    """A payment neither ended nor came to a person, whatever time passed."""


async def play(stage: Stage, script: Script) -> list[str]:
    """Play it on a hospital of its own, let time pass until all payments are at rest, and check what must hold.

    How each payment ended. Raises AssertionError for what must not be.
    """
    run = Run(stage, f"r{next(_runs)}", script.hospital, script.orders)
    run.calm = _is_calm(script)
    try:
        await by_servers_time(stage.environment)
        for step in script.steps:
            await step.play(run)
            await run.moment()
        if script.heals:
            run.faults.clear()
        await _come_to_rest(run)
        return await check(run)
    finally:
        run.faults.clear()
        await end_refunds(run)
        await run.close()


def _is_calm(script: Script) -> bool:
    """Nothing goes wrong: patients pay, or don't."""
    as_it_should = {PayOutcome.PAID, PayOutcome.DECLINED}
    return all(
        not isinstance(step, Goes | PaysLate) and (not isinstance(step, Pay) or step.outcome in as_it_should)
        for step in script.steps
    )


async def _come_to_rest(run: Run) -> None:
    for _ in range(REST_STEPS_MAX):
        if await run.at_rest() and await refunds_at_rest(run):
            return
        await run.moment(REST_STEP_S)
    if await run.server_lost_count():
        raise TestServerError("an activity is tried past its schedule-to-close time")
    raise NeverAtRestError("a payment or a refund is still under way after ten hours")
