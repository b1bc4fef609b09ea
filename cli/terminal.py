"""Output to terminals and files that lack a character, such as a terminal in GBK, and to readers that are gone."""

import codecs
import contextlib
import io
import json
import os
import sys
from typing import TextIO

ESCAPES = "medpay-escapes"
"""The name of our error handler: a character that the encoding lacks is written as JSON escapes it (`\\u2022`), so that
`--json` stays the same JSON on every terminal."""


def prepare() -> None:
    """Let standard output and standard error take any text. To be called before anything is printed."""
    codecs.register_error(ESCAPES, _escaped)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=ESCAPES)


def flush() -> None:
    """Write out what was printed, unless nobody reads it any more, as in `medpay … | head`."""
    streams: tuple[TextIO | None, ...] = (sys.stdout, sys.stderr)
    for stream in streams:
        if stream is not None:  # as it is if the process was started without it
            _flush(stream)


def _flush(stream: TextIO) -> None:
    try:
        stream.flush()
    except BrokenPipeError:
        # The interpreter would try once more at its end, and print a traceback.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end
