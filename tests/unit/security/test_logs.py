import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from security.logs import configure_logging
from tests.support.values.orders import outpatient

ID_NO = "110101199003070134"
MARKERS = (ID_NO, "张三", "AUTH-MARKER", "TOKEN-MARKER", "PASSWORD-MARKER")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture(params=[io.StringIO, Terminal], ids=["json", "console"])
def any_stream(request: pytest.FixtureRequest) -> io.StringIO:
    stream: io.StringIO = request.param()
    configure_logging("info", "worker", stream)
    return stream


@pytest.fixture
def stream() -> io.StringIO:
    stream = io.StringIO()
    configure_logging("info", "worker", stream)
    return stream


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def fail(text: str) -> None:
    raise ValueError(text)


class TestLines:
    def test_our_own_line(self, stream: io.StringIO) -> None:
        structlog.get_logger("payments").info("paid", medOrgOrd="M1", total_fen=12850)
        (line,) = lines(stream)
        assert line.pop("timestamp").endswith("Z")
        assert line == {
            "event": "paid",
            "medOrgOrd": "M1",
            "total_fen": 12850,
            "level": "info",
            "logger": "payments",
            "component": "worker",
        }

    @pytest.mark.parametrize("name", ["uvicorn.error", "uvicorn.access", "temporalio.worker", "aiohttp.server"])
    def test_the_lines_of_others(self, stream: io.StringIO, name: str) -> None:
        logging.getLogger(name).warning("%s did %d", "it", 7)
        (line,) = lines(stream)
        assert (line["event"], line["logger"], line["level"]) == ("it did 7", name, "warning")
        assert line["component"] == "worker"

    def test_what_is_bound_to_the_request_is_in_each_line(self, stream: io.StringIO) -> None:
        structlog.contextvars.bind_contextvars(request_id="R1")
        structlog.get_logger().info("ours")
        logging.getLogger("uvicorn.error").info("theirs")
        assert [line["request_id"] for line in lines(stream)] == ["R1", "R1"]

    def test_lower_levels_are_left_out(self) -> None:
        stream = io.StringIO()
        configure_logging("error", "api", stream)
        structlog.get_logger().warning("ours")
        for name in ("uvicorn.error", "sqlalchemy.engine", "asyncio"):
            logging.getLogger(name).warning("theirs")
        structlog.get_logger().error("kept")
        assert [line["event"] for line in lines(stream)] == ["kept"]

    def test_handlers_that_uvicorn_brought_are_gone(self) -> None:
        logger = logging.getLogger("uvicorn")
        logger.addHandler(logging.NullHandler())
        logger.propagate = False
        configure_logging("info", "api", io.StringIO())
        assert (logger.handlers, logger.propagate) == ([], True)

    def test_configured_twice_a_line_is_written_once(self, stream: io.StringIO) -> None:
        again = io.StringIO()
        configure_logging("info", "api", again)
        structlog.get_logger().info("once")
        assert stream.getvalue() == ""
        assert [line["event"] for line in lines(again)] == ["once"]

    def test_a_warning_is_a_line(self, stream: io.StringIO) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            logging.captureWarnings(capture=True)
            warnings.warn(f"id_no='{ID_NO}'", UserWarning, stacklevel=1)
        logging.captureWarnings(capture=False)
        assert ID_NO not in stream.getvalue()
        assert lines(stream)[0]["logger"] == "py.warnings"


class TestSecrets:
    def write_everything(self) -> None:
        order = outpatient("LOG1", patient_name="张三", pay_auth_no="AUTH-MARKER")
        ours, theirs = structlog.get_logger("ours"), logging.getLogger("uvicorn.error")
        ours.info("by key", patient_name="张三", ID_NO=ID_NO, payToken="TOKEN-MARKER", order=order)
        ours.info(f"in the text: id_no={ID_NO} revsToken='TOKEN-MARKER'")
        ours.info("positional %s", order)
        ours.bind(headers={"Authorization": "Bearer TOKEN-MARKER"}).info("nested", body=order.model_dump_json())
        theirs.info("theirs %s %r", order, {"ecToken": "TOKEN-MARKER"})
        theirs.info("postgresql://medpay:PASSWORD-MARKER@db/medpay")
        theirs.info({"payAuthNo": "AUTH-MARKER"})
        secret = "TOKEN-MARKER"  # a local variable, which no traceback may show
        for logger in (ours, theirs):
            try:
                fail(f"no such patient: patient_name='张三', id_no='{ID_NO}', payAuthNo=AUTH-MARKER" + secret[:0])
            except ValueError:
                logger.exception("failed")
        structlog.contextvars.bind_contextvars(userName="张三")
        theirs.warning("with context", stack_info=True)

    def test_no_marker_is_ever_written(self, any_stream: io.StringIO) -> None:
        self.write_everything()
        shown = any_stream.getvalue()
        assert "张*" in shown
        assert "1101**********0134" in shown
        assert "ValueError" in shown
        assert [marker for marker in MARKERS if marker in shown] == []

    def test_masking_leaves_valid_json(self, stream: io.StringIO) -> None:
        self.write_everything()
        assert len(lines(stream)) == 10
        assert "Traceback" in lines(stream)[7]["exception"]
