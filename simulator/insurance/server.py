"""The simulated insurance centre's application (protocol 3, contract 2.6)."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path

from aiohttp import web

from gateways.insurance.envelope import utc_now
from simulator.core.endpoint import endpoint
from simulator.core.faults import FaultKind
from simulator.core.server import new_app
from simulator.core.store import Store
from simulator.insurance import orders, people
from simulator.insurance.centre import Centre
from simulator.insurance.config import CentreConfig
from simulator.insurance.control import add_order_routes
from simulator.insurance.notice import Notices
from simulator.insurance.sealed import TRANSACTIONS, envelope_of, reader

_ONLY_OF = {FaultKind.WRONG_AMOUNT: {"6202", "6301"}, FaultKind.EXP: {"6203"}}
_FAULTS = {txn: frozenset(kind for kind in FaultKind if txn in _ONLY_OF.get(kind, {txn})) for txn in TRANSACTIONS}


def build_app(config: CentreConfig, database: Path, clock: Callable[[], datetime] = utc_now) -> web.Application:
    """`clock`: gives aware times, for revsToken's hour. Raises ValueError for keys that can't be used."""
    envelope = envelope_of(config)
    store = Store.open(database, orders.SCHEMA + people.SCHEMA, _FAULTS)
    centre = Centre(config, store.connection, clock)
    notices = Notices(config.notice_url, envelope)
    app = new_app(store)
    for txn in TRANSACTIONS:
        app.router.add_post(config.path(txn), endpoint(store, txn, reader(centre, envelope, txn)))
    add_order_routes(app, centre, notices)

    async def notices_open(_: web.Application) -> AsyncIterator[None]:
        async with notices:
            yield

    app.cleanup_ctx.append(notices_open)
    return app
