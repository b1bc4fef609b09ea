"""The HTTP edge, put together: settings in, application out."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from api.auth import Callers
from api.documentation import introduction
from api.errors import install_handlers
from api.metrics import HttpMetrics
from api.payment_workflows import PaymentWorkflows
from api.payments_desk import PaymentsDesk
from api.refunds_desk import RefundsDesk
from api.request_trace import RequestTracing
from api.routes import health, insurance, payments, refunds
from api.services import Services
from api.temporal_link import TemporalLink
from hospitals import load_hospitals
from security.data_converter import data_converter
from security.keyring import Keyring
from settings import Settings
from storage.session import Database

TITLE: Final = "medpay 医保移动支付接口"
VERSION: Final = "1.0"
"""The interface's version, /api/v1: not the product's."""


def create_app(settings: Settings) -> FastAPI:
    """The API as any ASGI server runs it. Database and Temporal are reached when they are needed, not here.

    Raises `hospitals.ConfigError`, `security.keyring.KeyringError` or `api.auth.UnsafeSettingsError`: one line each.
    """
    keyring = Keyring.load(settings.keyring_path)
    database = Database(settings.database, keyring)
    link = TemporalLink(settings, data_converter(keyring))
    workflows = PaymentWorkflows(link, settings)
    desk = PaymentsDesk(database, workflows, keyring)
    services = Services(settings, database, link, desk, RefundsDesk(database, workflows, keyring), HttpMetrics())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await database.close()

    # Its pages need no internet: a hospital's network has none.
    app = FastAPIOffline(
        title=TITLE,
        version=VERSION,
        description=introduction(),
        docs_url="/docs",
        redoc_url=None,
        static_url="/docs/assets",
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.state.callers = Callers(settings, load_hospitals(settings.hospitals_path))
    app.state.services = services
    install_handlers(app)
    app.add_middleware(RequestTracing, metrics=services.metrics)
    for routes in (insurance, payments, refunds, health):
        app.include_router(routes.router)
    return app
