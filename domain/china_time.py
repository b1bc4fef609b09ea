"""The centre's and HIS's times are China Standard Time without a zone; inside everything is UTC and aware (rule 17)."""

from datetime import UTC, datetime, timedelta, timezone

CHINA = timezone(timedelta(hours=8), "CST")

_LONG = "%Y-%m-%d %H:%M:%S"

_COMPACT = "%Y%m%d%H%M%S"


def from_china(text: str) -> datetime:
    """`yyyy-MM-dd HH:mm:ss` or `yyyyMMddHHmmss`, UTC+8, to an aware UTC time. Raises ValueError."""
    layout = _COMPACT if text.isdigit() else _LONG
    return datetime.strptime(text, layout).replace(tzinfo=CHINA).astimezone(UTC)


def to_china(moment: datetime) -> str:
    """An aware time as `yyyy-MM-dd HH:mm:ss` in UTC+8 (6201's times, traceTime)."""
    return moment.astimezone(CHINA).strftime(_LONG)


def to_china_compact(moment: datetime) -> str:
    """An aware time as `yyyyMMddHHmmss` in UTC+8 (appRefdTime, the envelope's timestamp)."""
    return moment.astimezone(CHINA).strftime(_COMPACT)


_DATE_CHARS = 10


def beginning(text: str) -> datetime:
    """The first moment of `2026-01-05`, a Chinese day, or the moment itself. Raises ValueError."""
    return _moment(text)


def end(text: str) -> datetime:
    """The first moment after `2026-01-05`, or the moment itself. Raises ValueError."""
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
