"""The HTTP edge, put together: settings in, application out."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from api.access_recording import AccessRecording, write
from api.access_refusals import Refusals
from api.auth import Callers, Gate
from api.codec_desk import CodecDesk
from api.codec_door import CodecCors
from api.codec_session import CodecSessions
from api.documentation import introduction
from api.errors import install_handlers
from api.head_limits import HeadLimits
from api.hints import Hints
from api.metrics import HttpMetrics
from api.notice_door import NoticeDoor
from api.notices_desk import NoticesDesk
from api.payment_workflows import PaymentWorkflows
from api.payments_desk import PaymentsDesk
from api.rate_limits import RateLimits
from api.refunds_desk import RefundsDesk
from api.request_trace import RequestTracing
from api.review_workflows import ReviewWorkflows
from api.reviews_desk import ReviewsDesk
from api.routes import (
    codec,
    codec_sign_in,
    health,
    insurance,
    payment_actions,
    payment_list,
    payments,
    refunds,
    reviews,
    settlement_notice,
)
from api.security_headers import ASSETS_PATH, DOCUMENT_PATH, SecurityHeaders
from api.services import Services
from api.temporal_link import TemporalLink
from hospitals import Hospital, load_hospitals
from security.data_converter import data_converter
from security.key_provider import KeyProvider, LocalKeys
from security.payload_codec import SealingCodec
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
    hospitals = load_hospitals(settings.hospitals_path, settings.guards_keys)
    services = _services(settings, keys, hospitals)
    database, refusals = services.database, Refusals()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await write(database, refusals.rest())
            await database.close()

    # Its pages need no internet: a hospital's network has none.
    app = FastAPIOffline(
        title=TITLE,
        version=VERSION,
        description=introduction(),
        docs_url=DOCUMENT_PATH,
        redoc_url=None,
        static_url=ASSETS_PATH,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    callers = Callers(settings, hospitals)
    callers.warn_of_expiry(datetime.now(UTC))
    app.state.gate = Gate(callers, RateLimits(settings), database)
    app.state.services = services
    install_handlers(app)
    # The last one added is the outermost.
    app.add_middleware(AccessRecording, database=database, refusals=refusals)
    app.add_middleware(CodecCors, origin=settings.codec_page_origin)
    app.add_middleware(HeadLimits)
    app.add_middleware(RequestTracing, metrics=services.metrics)
    app.add_middleware(SecurityHeaders)
    routers = (
        *(insurance, settlement_notice, payments, payment_list, payment_actions, refunds, reviews, health),
        *(codec, codec_sign_in),
    )
    for routes in routers:
        app.include_router(routes.router)
    return app


def _services(settings: Settings, keys: KeyProvider, hospitals: Mapping[str, Hospital]) -> Services:
    keyring = keys.keyring()
    database = Database(settings.database, keyring)
    link = TemporalLink(settings, data_converter(keyring))
    workflows = PaymentWorkflows(link, settings)
    hints = Hints(database, workflows)
    return Services(
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
        codec=CodecDesk(SealingCodec(keyring), hospitals),
        codec_sessions=CodecSessions(keyring),
    )
