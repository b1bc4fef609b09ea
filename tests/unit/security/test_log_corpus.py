"""Every event of the corpus, by every kind of logger, as JSON and for a terminal: nothing of a person is shown."""

import io
import json
import logging
import sys
import threading
from collections.abc import Iterator

import pytest
import structlog

from security.logs import configure_logging
from tests.unit.security.log_corpus import EXCEPTIONS, FIELDS, SECRETS, TEXTS, TOKEN, Unprintable, chained


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(params=[io.StringIO, Terminal], ids=["json", "console"])
def stream(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = root.handlers[:], root.level, sys.excepthook, threading.excepthook
    stream: io.StringIO = request.param()
    configure_logging("debug", "worker", stream)
    yield stream
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    sys.excepthook, threading.excepthook = before[2:]
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def only_ours() -> None:
    """pytest's own handlers fail of a line that can't be written."""
    logging.getLogger().handlers[1:] = []


def shown_secrets(stream: io.StringIO) -> list[str]:
    written = stream.getvalue()
    assert written
    shown = [*SECRETS, "0101 19900307 01", "0101-19900307-01", "１９９００３０７"]
    return [secret for secret in shown if secret in written]


@pytest.mark.parametrize("name", TEXTS)
def test_a_text(stream: io.StringIO, name: str) -> None:
    logging.getLogger("uvicorn.access").info(TEXTS[name])
    logging.getLogger("temporalio").warning("%s: %r", name, TEXTS[name])
    structlog.get_logger().debug(TEXTS[name], also=TEXTS[name], within=[{"a": TEXTS[name].encode()}])
    assert shown_secrets(stream) == []


@pytest.mark.parametrize("name", FIELDS)
def test_a_field(stream: io.StringIO, name: str) -> None:
    only_ours()
    structlog.get_logger().info("event", value=FIELDS[name], list=[FIELDS[name]])
    logging.getLogger("aiohttp.client").info("%s", FIELDS[name])
    assert shown_secrets(stream) == []


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_an_exception(stream: io.StringIO, name: str) -> None:
    error = EXCEPTIONS[name]()
    logging.getLogger("asyncio").error("Task exception was never retrieved", exc_info=error)
    structlog.get_logger().error("failed", exc_info=error, error=error)
    logging.getLogger("temporalio").warning("failed: %r", error)
    assert type(error).__name__ in stream.getvalue()
    assert shown_secrets(stream) == []


def test_the_corpus_is_shown_without_the_mask() -> None:
    """Else it would prove nothing."""
    for name, text in TEXTS.items():
        plain = {*SECRETS, "110101 19900307 0134", "110101-19900307-0134", "１１０１０１１９９００３０７０１３４"}
        assert any(secret in text for secret in plain | {"%E6%AC%A7%E9%98%B3"}), name


class TestWhatIsWrittenPastTheLoggers:
    def test_a_line_that_cannot_be_written_keeps_its_arguments(
        self, stream: io.StringIO, capsys: pytest.CaptureFixture[str]
    ) -> None:
        only_ours()
        logging.getLogger("theirs").error("%d payments of %s", TOKEN, "x")
        logging.getLogger("theirs").error("%s", Unprintable())
        assert capsys.readouterr().err == ""
        lines = [json.loads(line) for line in stream.getvalue().splitlines()]
        assert [line["event"] for line in lines] == ["log_line_not_written"] * 2
        assert lines[0]["error"] == "TypeError"
        assert shown_secrets(stream) == []

    def test_an_exception_that_ends_the_process(self, stream: io.StringIO) -> None:
        error = chained()
        sys.excepthook(type(error), error, error.__traceback__)
        assert "uncaught exception" in stream.getvalue()
        assert shown_secrets(stream) == []

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
    def test_an_exception_that_ends_a_thread(self, stream: io.StringIO) -> None:
        def fail() -> None:
            raise chained()

        thread = threading.Thread(target=fail)
        configure_logging("debug", "worker", stream)  # pytest watches threads by the same hook
        thread.start()
        thread.join()
        assert "uncaught exception" in stream.getvalue()
        assert shown_secrets(stream) == []
