"""The application around a simulator's transactions: control calls, and the server itself."""

import json
import logging
from http import HTTPStatus
from typing import TypeVar

from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import BaseModel, ValidationError

from settings import is_loopback
from simulator.core.faults import Fault
from simulator.core.store import Store

REQUEST_BYTES_MAX = 8 * 1024 * 1024
SHUTDOWN_S_MAX = 1.0

_log = logging.getLogger(__name__)

M = TypeVar("M", bound=BaseModel)


class ControlError(Exception):
    """A control call that can't be carried out. `message`: for its caller."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def new_app(store: Store) -> web.Application:
    """An application with the control calls of both simulators. It closes `store` when it ends."""
    app = web.Application(client_max_size=REQUEST_BYTES_MAX, middlewares=[_control_errors])
    add_control_routes(app, store)

    async def close(_: web.Application) -> None:
        store.connection.close()

    app.on_cleanup.append(close)
    return app


def add_control_routes(app: web.Application, store: Store) -> None:
    """`/_sim/health`, `/_sim/calls` and `/_sim/faults`."""

    async def health(_: web.Request) -> web.Response:
        return answered({"status": "ready"})

    async def calls(request: web.Request) -> web.Response:
        return answered(store.calls.rows(request.query.get("medOrgOrd")))

    async def add_fault(request: web.Request) -> web.Response:
        fault = await asked(request, Fault)
        try:
            store.faults.add(fault)
        except ValueError as error:
            raise ControlError(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from error
        return answered(_shown(fault))

    async def waiting_faults(_: web.Request) -> web.Response:
        return answered([_shown(fault) for fault in store.faults.waiting()])

    async def clear_faults(_: web.Request) -> web.Response:
        return answered({"cleared": store.faults.clear()})

    app.router.add_get("/_sim/health", health)
    app.router.add_get("/_sim/calls", calls)
    app.router.add_get("/_sim/faults", waiting_faults)
    app.router.add_post("/_sim/faults", add_fault)
    app.router.add_delete("/_sim/faults", clear_faults)


def run(app: web.Application, host: str, port: int) -> None:
    """Serve until SIGINT or SIGTERM. Raises OSError if the port is taken.

    `host`: a loopback address, except in a container, whose port must then be published on its machine's loopback.
    """
    if not is_loopback(host):
        _log.warning("anyone who reaches %s:%s can use the control calls: they need no key", host, port)
    web.run_app(app, host=host, port=port, print=None, access_log=None, shutdown_timeout=SHUTDOWN_S_MAX)


async def asked(request: web.Request, shape: type[M]) -> M:
    """A control call's JSON as `shape`. Raises `ControlError` naming the invalid fields."""
    try:
        body = json.loads(await request.read())
    except (ValueError, RecursionError) as error:
        raise ControlError(HTTPStatus.BAD_REQUEST, "the body is not JSON") from error
    try:
        return shape.model_validate(body)
    except ValidationError as error:
        raise ControlError(HTTPStatus.UNPROCESSABLE_ENTITY, _complaints(error)) from error


def answered(data: object) -> web.Response:
    """A control call's answer, as JSON."""
    return web.json_response(data, dumps=lambda value: json.dumps(value, ensure_ascii=False))


@web.middleware
async def _control_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ControlError as error:
        return web.json_response({"message": error.message}, status=error.status)


def _complaints(invalid: ValidationError) -> str:
    errors = invalid.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(": ".join([*map(str, error["loc"]), _words(error["msg"])]) for error in errors)


def _words(message: str) -> str:
    return message.removeprefix("Value error, ")


def _shown(fault: Fault) -> dict[str, object]:
    return fault.model_dump(mode="json")
