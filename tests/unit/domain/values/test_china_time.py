"""A span of time as people write it."""

from datetime import UTC, datetime

import pytest

from domain.values.china_time import beginning, end

NINE = datetime(2026, 1, 5, 1, 0, tzinfo=UTC)


class TestADay:
    def test_is_china_s(self) -> None:
        assert beginning("2026-01-05") == datetime(2026, 1, 4, 16, 0, tzinfo=UTC)
        assert end("2026-01-05") == datetime(2026, 1, 5, 16, 0, tzinfo=UTC)

    def test_ends_where_the_next_one_begins(self) -> None:
        assert end("2026-02-28") == beginning("2026-03-01")
        assert end("20260228") == beginning("20260301")


class TestAMoment:
    @pytest.mark.parametrize(
        "text", ["2026-01-05T09:00:00", "2026-01-05 09:00", "2026-01-05T09:00:00+08:00", "2026-01-05T01:00:00Z"]
    )
    def test_begins_and_ends_there(self, text: str) -> None:
        assert beginning(text) == end(text) == NINE
        assert beginning(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "today",
        "2026-13-01",
        "2026-02-30",
        "2026-01-05T25:00",
        "2026-01-05T09:00:00 08:00",
        "２０２６-01-05",
        "1767574800",
    ],
)
@pytest.mark.parametrize("read", [beginning, end])
def test_anything_else_is_refused(read: object, text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read(text)  # type: ignore[operator]


@pytest.mark.parametrize("text", ["0001-01-01", "0001-01-01T00:00:00"])
def test_before_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="calendar"):
        beginning(text)


def test_after_the_calendar_is_refused() -> None:
    with pytest.raises(ValueError, match="calendar"):
        end("9999-12-31T23:59:59-14:00")
    assert end("9999-12-31").year == 9999
