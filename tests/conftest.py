"""For the whole suite."""

import pytest
import xdist.scheduler
from hypothesis import HealthCheck, settings
from xdist.remote import Producer

# How fast inputs are made says how busy the machine is, not whether a rule holds.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

SLOWEST_FIRST = (
    "tests/faults/our_own/test_lost_results",
    "tests/faults/our_own/",
    "tests/leaks/",
    "tests/contract/cli/stack/",
    "tests/hostile/",
    "tests/property/",
    "tests/chaos/",
    "tests/faults/",
    "tests/contract/cli/",
    "tests/workflow/",
    "tests/contract/security/",
    "tests/contract/api/payments/",
    "tests/contract/",
    "tests/unit/storage/",
)
"""Where the tests are that take longest: a file of minutes that came last would leave all processes but one idle."""

TOGETHER = (
    "tests/faults/our_own/test_",
    "tests/faults/parties/test_",
    "tests/faults/payments/test_",
    "tests/faults/test_",
)
"""Files that share a stack, which each process starts for itself: as few of them as there are lines here."""

ALONE = {
    "test_centre_variants",
    "test_hiccups",
    "test_lost_results",
    "test_notifications",
    "test_odd_his",
    "test_overload",
}
"""Files among them with a stack of their own."""


def unit_of(nodeid: str) -> str:
    """What one process runs as a whole: a file, or the files that share a stack."""
    file = nodeid.partition("::")[0]
    if file.rpartition("/")[2].removesuffix(".py") in ALONE:
        return file
    return next((together for together in TOGETHER if file.startswith(together)), file)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort by unit, the slowest first."""
    order = {unit: place for place, unit in enumerate(dict.fromkeys(unit_of(item.nodeid) for item in items))}

    def rank(item: pytest.Item) -> tuple[int, int]:
        slow = (place for place, where in enumerate(SLOWEST_FIRST) if item.nodeid.startswith(where))
        return next(slow, len(SLOWEST_FIRST)), order[unit_of(item.nodeid)]

    items.sort(key=rank)


class ByUnit(xdist.scheduler.LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Hands units out in the order of collection."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByUnit:
    config.option.loadscopereorder = False
    return ByUnit(config, log)
