"""One log for us, uvicorn, Temporal and aiohttp: JSON lines, or colours on a terminal."""

import json
import logging
import sys
import threading
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor

from security.masking.values import mask

_SET_UP_THEMSELVES = ("uvicorn", "uvicorn.error", "uvicorn.access")
_TOO_TALKATIVE = ("asyncio", "sqlalchemy", "alembic", "httpcore", "httpx")


def configure_logging(level: str, component: str, stream: TextIO | None = None) -> None:
    """Send this process's log lines of `level` (debug … error) and above to `stream` (standard error), masked.

    Each line names the `component`. Start uvicorn with `log_config=None`, or it reconfigures its loggers.
    """
    stream = stream or sys.stderr
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _named(component),
        structlog.processors.StackInfoRenderer(),
    ]
    _configure_structlog(before)
    handler = _Handler(stream)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=before, processors=_rendering(stream)))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in _SET_UP_THEMSELVES:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    for name in _TOO_TALKATIVE:
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


class _Handler(logging.StreamHandler[TextIO]):
    """Reports a line that can't be written without its arguments, which the standard handler would print unmasked."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        error = sys.exception()
        if isinstance(error, OSError):
            return  # no one reads the stream any more; reporting it would fail as well
        facts = {"logger": record.name, "where": f"{record.filename}:{record.lineno}", "error": type(error).__name__}
        self.stream.write(json.dumps({"event": "log_line_not_written", "level": "error", **facts}) + self.terminator)
        self.flush()


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Log an uncaught exception like any other line, masked; the interpreter would print it as it is."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    logging.getLogger("uncaught").critical("uncaught exception", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(what: threading.ExceptHookArgs) -> None:
    if what.exc_value is not None:
        _log_uncaught(what.exc_type, what.exc_value, what.exc_traceback)


def _configure_structlog(before: list[Processor]) -> None:
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *before,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _rendering(stream: TextIO) -> list[Processor]:
    """Exceptions become text before masking, and nothing is added between masking and rendering."""
    renderer: Processor = structlog.processors.JSONRenderer(ensure_ascii=False)
    if stream.isatty():
        # The exception is text by now. The renderer's own tracebacks would show local variables, unmasked.
        renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    return [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        _masking,
        renderer,
    ]


def _named(component: str) -> Processor:
    def add(_: object, __: str, event: EventDict) -> EventDict:
        event.setdefault("component", component)
        return event

    return add


def _masking(_: object, __: str, event: EventDict) -> MutableMapping[str, Any]:
    return mask(event)
