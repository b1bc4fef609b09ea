"""Handles a simulator's transactions: read, log, inject the fault that is due, apply, answer.

aiohttp lets a handler go on after its caller has left, so that a delayed call is still applied.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from aiohttp import web

from simulator.core.faults import Fault, FaultKind
from simulator.core.store import Store, Verdict

Answer = Mapping[str, Any]
GARBAGE = b"<html><body>Bad Gateway</body></html>"


@dataclass(frozen=True)
class Done:
    """`answer`: the JSON body. `pay_ord_id`: of the order that the call created, if any."""

    verdict: Verdict
    answer: Answer
    pay_ord_id: str = ""


class Call(Protocol):
    """A request that was read and is yet to be applied. Ids that it doesn't name are empty."""

    @property
    def med_org_ord(self) -> str: ...
    @property
    def pay_ord_id(self) -> str: ...

    async def apply(self, fault: FaultKind | None) -> Done:
        """Apply the call. `fault`: one that may have to spoil the content of the answer."""

    async def refuse(self, message: str) -> Answer:
        """The answer that refuses with `message`."""


Read = Callable[[bytes], Awaitable[Call | Done]]
"""Reads a body as a call, or as `Done` if it can't be read or verified."""

Handler = Callable[[web.Request], Awaitable[web.Response]]


def endpoint(store: Store, txn: str, read: Read) -> Handler:
    """The handler of a transaction's path. `txn`: its name in faults and in the log."""

    async def handle(request: web.Request) -> web.Response:
        call = await read(await request.read())
        if isinstance(call, Done):
            store.calls.finish(store.calls.begin(txn, "", "", None), call.verdict)
            return _json(call.answer)
        fault = store.faults.take(txn)
        entry = store.calls.begin(txn, call.med_org_ord, call.pay_ord_id, fault)
        if fault is not None and fault.kind in _NOT_APPLIED:
            store.calls.finish(entry, _NOT_APPLIED[fault.kind])
            return await _without_applying(request, call, fault)
        if fault is not None and fault.kind is FaultKind.DELAY:
            await asyncio.sleep(fault.seconds or 0)
        try:
            done = await call.apply(fault.kind if fault else None)
        except Exception:
            store.calls.finish(entry, Verdict.FAILED)
            raise
        store.calls.finish(entry, done.verdict, done.pay_ord_id)
        return _answered(request, done, fault)

    return handle


_NOT_APPLIED = {
    FaultKind.REFUSE: Verdict.REFUSED,
    FaultKind.HTTP_500: Verdict.FAILED,
    FaultKind.DROP_BEFORE: Verdict.FAILED,
}


async def _without_applying(request: web.Request, call: Call, fault: Fault) -> web.Response:
    if fault.kind is FaultKind.REFUSE:
        return _json(await call.refuse(fault.message))
    if fault.kind is FaultKind.DROP_BEFORE:
        return _hung_up(request)
    return web.Response(status=500, text="500 Internal Server Error")


def _answered(request: web.Request, done: Done, fault: Fault | None) -> web.Response:
    if fault is not None and fault.kind is FaultKind.DROP_AFTER:
        return _hung_up(request)
    if fault is not None and fault.kind is FaultKind.GARBAGE:
        return web.Response(body=GARBAGE, content_type="text/html")
    return _json(done.answer)


def _hung_up(request: web.Request) -> web.Response:
    """Close the connection without sending a byte: aiohttp can no longer write the response."""
    if request.transport is not None:
        request.transport.close()
    return web.Response()


def _json(answer: Answer) -> web.Response:
    body = json.dumps(answer, ensure_ascii=False).encode()
    return web.Response(body=body, content_type="application/json", charset="utf-8")
