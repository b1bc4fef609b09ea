"""The services that routes call, built once per process by `api.app`."""

from dataclasses import dataclass

from fastapi import Request

from api.codec.service import CodecService
from api.codec.session import CodecSessions
from api.notices.door import NoticeDoor
from api.notices.hints import Hints
from api.notices.service import NoticesService
from api.payments.service import PaymentsService
from api.refunds.service import RefundsService
from api.reviews.service import ReviewsService
from api.temporal import TemporalLink
from api.web.trace import HttpMetrics
from domain.orders import PaymentTerms
from hospitals import Hospital
from hospitals.terms import payment_terms
from settings import Settings
from storage.session import Database


@dataclass(frozen=True)
class Services:
    settings: Settings
    database: Database
    link: TemporalLink
    payments: PaymentsService
    reviews: ReviewsService
    hints: Hints
    door: NoticeDoor
    notices: NoticesService
    refunds: RefundsService
    metrics: HttpMetrics
    codec: CodecService
    codec_sessions: CodecSessions

    def terms(self, hospital: Hospital) -> PaymentTerms:
        """The terms of a payment of this hospital that starts now."""
        return payment_terms(self.settings, hospital)


def services_of(request: Request) -> Services:
    """The services of the application serving `request`."""
    services: Services = request.app.state.services
    return services
