"""A worker or an API that measures the thread CPU time of sealing its payloads.

Run as a process: `python bench/measured.py worker|api COUNTERS`. The counters are written when it ends and reset by
SIGUSR1.
"""

import atexit
import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from temporalio.converter import DataConverter

from cli.commands.api import api
from security.crypto.payload_codec import SealingCodec
from worker import main as worker

_spent_ns = 0
_payloads = 0


def _timed(method: Callable[..., Any]) -> Callable[..., Any]:
    def timed(self: object, argument: object) -> Any:  # noqa: ANN401 - whatever it gives
        global _spent_ns  # noqa: PLW0603 - a counter of this process
        began = time.thread_time_ns()
        try:
            return method(self, argument)
        finally:
            _spent_ns += time.thread_time_ns() - began

    return timed


def _timed_async(method: Callable[..., Any]) -> Callable[..., Any]:
    """The codec never awaits anything, so its thread's time is all its own."""

    async def timed(self: object, payloads: Any) -> Any:  # noqa: ANN401 - whatever it gives
        global _spent_ns, _payloads  # noqa: PLW0603 - counters of this process
        _payloads += len(payloads)
        began = time.thread_time_ns()
        try:
            return await method(self, payloads)
        finally:
            _spent_ns += time.thread_time_ns() - began

    return timed


def _reset(*_: object) -> None:
    """Drop what the warm-up spent: OpenSSL's first use of a cipher, first imports."""
    global _spent_ns, _payloads  # noqa: PLW0603 - counters of this process
    _spent_ns = _payloads = 0


def _measure(counters: Path) -> None:
    codec: Any = SealingCodec
    converter: Any = DataConverter
    codec.encode, codec.decode = _timed_async(codec.encode), _timed_async(codec.decode)
    # The converter's copy for each call and task is part of the binding's cost.
    converter.with_context = _timed(converter.with_context)
    atexit.register(lambda: counters.write_text(json.dumps({"ns": _spent_ns, "payloads": _payloads}), encoding="ascii"))


if __name__ == "__main__":
    role, file = sys.argv[1:]
    _measure(Path(file))
    signal.signal(signal.SIGUSR1, _reset)
    # uvicorn raises the signal that stopped it again, which would end the process before the counters are written.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    worker() if role == "worker" else api()
