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
