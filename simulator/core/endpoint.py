"""One transaction's way through a simulator: read, logged, made to misbehave if told so, applied, answered.

aiohttp lets a handler run on when its caller has left: a delayed call is applied all the same.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from simulator.core.faults import Fault, FaultKind
from simulator.core.store import Store, Verdict

GARBAGE = b"<html><body>Bad Gateway</body></html>"


@dataclass(frozen=True)
class Done:
    """`answer`: the body, JSON. `pay_ord_id`: where the call itself brought one about."""

    verdict: Verdict
    answer: bytes
    pay_ord_id: str = ""


class Call(Protocol):
    """A request that was read and is not yet done. Ids that it doesn't name are empty."""

    @property
    def med_org_ord(self) -> str: ...
    @property
    def pay_ord_id(self) -> str: ...

    async def apply(self, fault: FaultKind | None) -> Done:
        """Do it. `fault`: for those that spoil the content of an answer."""

    async def refuse(self, message: str) -> bytes:
        """The answer that says no for `message`."""


Read = Callable[[bytes], Awaitable[Call | Done]]
"""The body to a call; to `Done` where it can't be read or isn't believed."""

Handler = Callable[[web.Request], Awaitable[web.Response]]


def endpoint(store: Store, txn: str, read: Read) -> Handler:
    """The handler of one transaction's path. `txn` is its name in faults and in the log."""

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
    """The connection closes without a byte of an answer: aiohttp can't write this response any more."""
    if request.transport is not None:
        request.transport.close()
    return web.Response()


def _json(answer: bytes) -> web.Response:
    return web.Response(body=answer, content_type="application/json", charset="utf-8")
