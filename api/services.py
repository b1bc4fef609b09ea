"""What the routes work with, made once per process by `api.app`."""

from dataclasses import dataclass

from fastapi import Request

from api.codec_desk import CodecDesk
from api.codec_session import CodecSessions
from api.hints import Hints
from api.metrics import HttpMetrics
from api.notice_door import NoticeDoor
from api.notices_desk import NoticesDesk
from api.payments_desk import PaymentsDesk
from api.refunds_desk import RefundsDesk
from api.reviews_desk import ReviewsDesk
from api.temporal_link import TemporalLink
from settings import Settings
from storage.session import Database


@dataclass(frozen=True)
class Services:
    settings: Settings
    database: Database
    link: TemporalLink
    desk: PaymentsDesk
    reviews: ReviewsDesk
    hints: Hints
    door: NoticeDoor
    notices: NoticesDesk
    refunds: RefundsDesk
    metrics: HttpMetrics
    codec: CodecDesk
    codec_sessions: CodecSessions


def services_of(request: Request) -> Services:
    """The services of the application that serves `request`."""
    services: Services = request.app.state.services
    return services
