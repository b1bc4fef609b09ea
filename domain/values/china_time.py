"""The centre and HIS write China Standard Time without a zone; internally every time is aware UTC (product rule 19)."""

from datetime import UTC, datetime, timedelta, timezone

CHINA = timezone(timedelta(hours=8), "CST")

_LONG = "%Y-%m-%d %H:%M:%S"

_COMPACT = "%Y%m%d%H%M%S"


def from_china(text: str) -> datetime:
    """Parse `yyyy-MM-dd HH:mm:ss` or `yyyyMMddHHmmss` in UTC+8 into an aware UTC time. Raises ValueError."""
    layout = _COMPACT if text.isdigit() else _LONG
    return datetime.strptime(text, layout).replace(tzinfo=CHINA).astimezone(UTC)


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
