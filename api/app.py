"""The composition root of the HTTP API: settings in, application out."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from api import health
from api.access.admission import Admission
from api.access.gate import Gate
from api.access.keys import Callers
from api.access.limits import RateLimits
from api.access.recording import AccessRecording, write
from api.access.refusals import Refusals
from api.codec import routes as codec
from api.codec.door import CodecCors
from api.codec.service import CodecService
from api.codec.session import CodecSessions
from api.notices import routes as notices
from api.notices.door import NoticeDoor
from api.notices.hints import Hints
from api.notices.service import NoticesService
from api.payments import routes as payments
from api.payments.service import PaymentsService
from api.payments.workflows import PaymentWorkflows
from api.refunds import routes as refunds
from api.refunds.service import RefundsService
from api.refunds.workflows import RefundWorkflows
from api.reviews import routes as reviews
from api.reviews.service import ReviewsService, ReviewWorkflows
from api.services import Services
from api.temporal import TemporalLink
from api.web.client_address import ClientAddress
from api.web.documentation import introduction
from api.web.errors import install_handlers
from api.web.headers import ASSETS_PATH, DOCUMENT_PATH, SecurityHeaders
from api.web.server import HeadLimits
from api.web.trace import HttpMetrics, RequestTracing
from hospitals import Hospital, load_hospitals, parties
from security.crypto.payload_codec import SealingCodec, data_converter
from security.keys.provider import KeyProvider, LocalKeys
from settings import Settings
from storage.session import Database

TITLE: Final = "medpay 医保移动支付接口"
VERSION: Final = "1.0"
"""Of the interface (/api/v1), not of the product."""


def create_app(settings: Settings, keys: KeyProvider | None = None) -> FastAPI:
    """The ASGI application. Database and Temporal are connected to when first needed, not here.

    `keys`: where keys are kept; files and the environment by default.

    Raises `hospitals.ConfigError`, `security.crypto.keyring.KeyringError` or `api.access.keys.UnsafeSettingsError`.
    """
    hospitals = load_hospitals(settings.hospitals_path, settings.guards_keys)
    practice = not settings.guards_keys(*parties(hospitals))
    keys = keys or LocalKeys(settings.keyring_path, settings.keyring, practice=practice)
    services = _services(settings, keys, hospitals)
    database, refusals = services.database, Refusals()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await write(database, refusals.rest())
            await database.close()

    # Serves the assets of /docs itself: a hospital's network has no internet.
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
    # The last middleware added is the outermost.
    app.add_middleware(AccessRecording, database=database, refusals=refusals)
    app.add_middleware(CodecCors, origin=settings.codec_page_origin)
    app.add_middleware(HeadLimits)
    app.add_middleware(RequestTracing, metrics=services.metrics)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(ClientAddress, proxies=settings.proxies)
    for routes in (payments, notices, refunds, reviews, health, codec):
        app.include_router(routes.router)
    return app


def _services(settings: Settings, keys: KeyProvider, hospitals: Mapping[str, Hospital]) -> Services:
    keyring = keys.keyring()
    database = Database(settings.database, keyring)
    link = TemporalLink(settings, data_converter(keyring))
    workflows = PaymentWorkflows(link, settings, database, keyring)
    hints, admission = Hints(database, workflows), Admission(settings.calls_at_once)
    return Services(
        settings=settings,
        database=database,
        link=link,
        payments=PaymentsService(database, workflows, keyring, admission),
        reviews=ReviewsService(database, ReviewWorkflows(link, settings, database, keyring)),
        refunds=RefundsService(database, RefundWorkflows(link, settings, database, keyring), keyring),
        hints=hints,
        door=NoticeDoor(hospitals.values(), keys.signer),
        notices=NoticesService(settings, database, hints, admission),
        metrics=HttpMetrics(admission.backlog),
        codec=CodecService(SealingCodec(keyring)),
        codec_sessions=CodecSessions(keyring, database),
    )
