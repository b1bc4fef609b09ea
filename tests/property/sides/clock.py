"""The other sides' clock, which goes with the Temporal server's as ours does."""

from datetime import datetime

from storage.sql.clock import CLOCK


def now() -> datetime:
    """The time of the activity that calls them."""
    clock = CLOCK.get()
    if clock is None:
        raise AssertionError("called outside of an activity on the stage")
    return clock()
