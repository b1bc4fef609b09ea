"""A worker whose clock is wrong: compared with a real Temporal server, it takes no work."""

from datetime import UTC, datetime, timedelta
from typing import Self

import pytest
from temporalio.client import Client

from activities.clocks import ClockSkewError, check_clock
from storage.session import Database


class _Wrong(datetime):
    """A machine whose clock is off by `by`."""

    by = timedelta()

    @classmethod
    def now(cls, tz: object = None) -> Self:  # noqa: ARG003 - as of datetime
        return cls.fromtimestamp((datetime.now(UTC) + cls.by).timestamp(), UTC)


async def test_a_clock_that_agrees_is_tolerated(database: Database, client: Client) -> None:
    skew = await check_clock(database, client, "clocks")
    assert skew.is_tolerable


@pytest.mark.parametrize("by_s", [60, -60])
async def test_one_that_is_a_minute_off_is_not(
    database: Database, client: Client, monkeypatch: pytest.MonkeyPatch, by_s: int
) -> None:
    monkeypatch.setattr(_Wrong, "by", timedelta(seconds=by_s))
    monkeypatch.setattr("activities.clocks.datetime", _Wrong)
    with pytest.raises(ClockSkewError, match=r"不受理任何任务.*Temporal [+-]\d\d"):
        await check_clock(database, client, "clocks")
