"""A span of time as people write it."""

from datetime import UTC, datetime

import pytest

from domain.values.china_time import beginning, end, from_china, from_party

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


NOT_IN_CHINA_S_FORMS = [
    *("", "202601050900", "2026010509000", "202601050900000", "20260105 090000", "2026-01-05", "2026-01-05 09:00"),
    *("2026-01-05 9:00:00", "2026-1-5 09:00:00", "2026/01/05 09:00:00", "2026-01-05  09:00:00", "2026-01-05 09:00:00 "),
    *("26-01-05 09:00:00", "2026-01-05 09-00-00", "2026-01-05 09:00:00+00:00", "2026-01-05T09:00:00Z", "soon"),
    *("20260230000000", "20261301000000", "20260100000000", "2026-01-05 24:00:00", "2026-01-05 09:60:00"),
    *(
        "2026-01-05 09:00:60",
        "２０２６-01-05 09:00:00",
        "２０２６０１０５０９００００",
        "00010101000000",
        "99991231235959",
    ),
    *("1899-12-31 23:59:59", "00000000000000", "-2026-01-05 09:00:00", "1767574800000", "2026-01-05\n09:00:00"),
]


class TestATimeOfCentreAndHis:
    @pytest.mark.parametrize("text", ["2026-01-05 09:00:00", "20260105090000"])
    def test_has_two_forms(self, text: str) -> None:
        assert from_china(text) == from_party(text) == NINE
        assert from_china(text).tzinfo is UTC

    @pytest.mark.parametrize("text", NOT_IN_CHINA_S_FORMS)
    def test_has_no_other(self, text: str) -> None:
        with pytest.raises(ValueError, match=r".+"):
            from_china(text)

    @pytest.mark.parametrize("text", [text for text in NOT_IN_CHINA_S_FORMS if not text.endswith(" ")])
    def test_has_no_other_in_their_answers_either(self, text: str) -> None:
        with pytest.raises(ValueError, match=r".+"):
            from_party(text)

    @pytest.mark.parametrize(
        "text",
        [
            *("2026-01-05T09:00:00", "2026-01-05 09:00:00.0", "2026-01-05T09:00:00.123456789", " 2026-01-05 09:00:00 "),
            *("2026-01-05T09:00:00+08:00", "2026-01-05T09:00:00.000+0800"),
        ],
    )
    def test_may_be_spelt_in_their_answers_as_libraries_do(self, text: str) -> None:
        assert from_party(text) == NINE
        with pytest.raises(ValueError, match="form"):
            from_china(text)

    def test_is_read_from_1900_to_9998(self) -> None:
        assert from_china("1900-01-01 00:00:00") < NINE < from_china("99981231235959")
