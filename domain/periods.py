"""A span of time as people write it: ISO dates and date-times. What has no zone is China's (product rule 17)."""

from datetime import UTC, datetime, timedelta

from domain.china_time import CHINA

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
