"""The components' log files."""

from pathlib import Path
from typing import BinaryIO

LOG_BYTES_MAX = 20 * 1024 * 1024
TAIL_LINES_MAX = 20
_TAIL_BYTES_MAX = 16 * 1024


def open_log(path: Path) -> BinaryIO:
    """Append to a component's log. One that has grown past its limit is set aside, replacing the one before."""
    if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab")


def log_tail(path: Path) -> tuple[str, ...]:
    """The last lines, bounded, for a failure's report."""
    if not path.exists():
        return ()
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES_MAX))
        text = file.read().decode("utf-8", errors="replace")
    return tuple(text.splitlines()[-TAIL_LINES_MAX:])
