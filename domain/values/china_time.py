"""The centre and HIS write China Standard Time without a zone; internally every time is aware UTC (product rule 19)."""

import re
from datetime import UTC, datetime, timedelta, timezone

CHINA = timezone(timedelta(hours=8), "CST")

_LONG = "%Y-%m-%d %H:%M:%S"

_COMPACT = "%Y%m%d%H%M%S"

_WRITTEN = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2}) ([0-9]{2}):([0-9]{2}):([0-9]{2})"
    r"|([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})",
    re.ASCII,
)
_ISO = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.[0-9]{1,9})?(?:\+08:?00)?",
    re.ASCII,
)
_YEARS = range(1900, 9999)


def from_china(text: str) -> datetime:
    """Parse `yyyy-MM-dd HH:mm:ss` or `yyyyMMddHHmmss` in UTC+8, exactly, into an aware UTC time. Raises ValueError."""
    match = _WRITTEN.fullmatch(text)
    if match is None:
        raise ValueError("not a time in either form")
    year, month, day, hour, minute, second = (int(part) for part in match.groups() if part is not None)
    if year not in _YEARS:
        raise ValueError("not a year of these times")
    return datetime(year, month, day, hour, minute, second, tzinfo=CHINA).astimezone(UTC)


def from_party(text: str) -> datetime:
    """As `from_china`, and as a party's library may write the long form: with a T, with a fraction of a second.

    Java's Timestamp ends in ".0", ISO 8601 has the T and may end in China's own zone, +08:00. The fraction is dropped.
    Any other zone is refused: nobody can tell whether the time before it was converted. Raises ValueError.
    """
    text = text.strip()
    match = _ISO.fullmatch(text)
    return from_china(f"{match[1]} {match[2]}" if match else text)


def to_china(moment: datetime) -> str:
    """Format an aware time as `yyyy-MM-dd HH:mm:ss` in UTC+8 (6201's times, traceTime)."""
    return moment.astimezone(CHINA).strftime(_LONG)


def to_china_compact(moment: datetime) -> str:
    """Format an aware time as `yyyyMMddHHmmss` in UTC+8 (appRefdTime, the envelope's timestamp)."""
    return moment.astimezone(CHINA).strftime(_COMPACT)


_DATE_CHARS = 10


def beginning(text: str) -> datetime:
    """Where a period begins (inclusive): the start of a day in China such as `2026-01-05`, or the given time.

    Raises ValueError.
    """
    return _moment(text)


def end(text: str) -> datetime:
    """Where a period ends (exclusive): the end of a day in China such as `2026-01-05`, or the given time.

    Raises ValueError.
    """
    moment = _moment(text)
    try:
        return moment + timedelta(days=1) if len(text) <= _DATE_CHARS else moment
    except OverflowError:
        raise ValueError("beyond the calendar") from None


def _moment(text: str) -> datetime:
    if not text.isascii():
        raise ValueError("not a date")
    moment = datetime.fromisoformat(text)
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=CHINA)).astimezone(UTC)
    except OverflowError:
        raise ValueError("beyond the calendar") from None
