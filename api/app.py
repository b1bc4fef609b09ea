"""The HTTP edge, put together: settings in, application out."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from api.auth import Callers
from api.documentation import introduction
from api.errors import install_handlers
from api.hints import Hints
from api.metrics import HttpMetrics
from api.notice_door import NoticeDoor
from api.notices_desk import NoticesDesk
from api.payment_workflows import PaymentWorkflows
from api.payments_desk import PaymentsDesk
from api.refunds_desk import RefundsDesk
from api.request_trace import RequestTracing
from api.review_workflows import ReviewWorkflows
from api.reviews_desk import ReviewsDesk
from api.routes import health, insurance, payment_actions, payment_list, payments, refunds, reviews, settlement_notice
from api.services import Services
from api.temporal_link import TemporalLink
from hospitals import load_hospitals
from security.data_converter import data_converter
from security.key_provider import KeyProvider, LocalKeys
from settings import Settings
from storage.session import Database

TITLE: Final = "medpay 医保移动支付接口"
VERSION: Final = "1.0"
"""The interface's version, /api/v1: not the product's."""


def create_app(settings: Settings, keys: KeyProvider | None = None) -> FastAPI:
    """The API as any ASGI server runs it. Database and Temporal are reached when they are needed, not here.

    `keys`: where they live, by default in files and the environment.

    Raises `hospitals.ConfigError`, `security.keyring.KeyringError` or `api.auth.UnsafeSettingsError`: one line each.
    """
    keys = keys or LocalKeys(settings.keyring_path, settings.keyring, practice=not settings.guards_keys())
    keyring = keys.keyring()
    database = Database(settings.database, keyring)
    link = TemporalLink(settings, data_converter(keyring))
    hospitals = load_hospitals(settings.hospitals_path, settings.guards_keys)
    workflows = PaymentWorkflows(link, settings)
    hints = Hints(database, workflows)
    services = Services(
        settings=settings,
        database=database,
        link=link,
        desk=PaymentsDesk(database, workflows, keyring),
        reviews=ReviewsDesk(database, ReviewWorkflows(link, settings)),
        refunds=RefundsDesk(database, workflows, keyring),
        hints=hints,
        door=NoticeDoor(hospitals.values(), keys.signer),
        notices=NoticesDesk(settings, database, hints),
        metrics=HttpMetrics(),
    )

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
    app.state.callers = Callers(settings, hospitals)
    app.state.services = services
    install_handlers(app)
    app.add_middleware(RequestTracing, metrics=services.metrics)
    routers = (insurance, settlement_notice, payments, payment_list, payment_actions, refunds, reviews, health)
    for routes in routers:
        app.include_router(routes.router)
    return app
