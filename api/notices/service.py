"""An authenticated notice (6302): recorded first, then followed up as a hint."""

from datetime import datetime

import structlog

from api.access.admission import Admission, Urgency
from api.notices.door import OpenedNotice
from api.notices.hints import EXPLAINED, Hints
from api.web.errors import ApiError
from domain.base import PaymentKey
from domain.errors import ErrorCode, PaymentError
from gateways.insurance.envelope import utc_now
from gateways.insurance.notice import SettlementNotice
from hospitals import Hospital
from hospitals.terms import payment_terms
from settings import Settings
from storage.records import ReceivedNotice
from storage.session import Database, Unit

logger = structlog.get_logger(__name__)

_UNKNOWN = "没有这个订单, 仅记录"
_RECEIVED = "已收到, 待核实"
_OWN_WORDS = {
    ErrorCode.RATE_LIMITED: "支付服务繁忙, 请稍后重发",
    ErrorCode.UNAVAILABLE: "支付服务暂不可用, 请稍后重发",
}


class NoticesService:
    def __init__(self, settings: Settings, database: Database, hints: Hints, admission: Admission) -> None:
        self._admission = admission
        self._settings = settings
        self._database = database
        self._hints = hints

    async def take(self, opened: OpenedNotice, now: datetime) -> str:
        """Record and follow it up; the outcome in Chinese.

        Raises `PaymentError` UNAVAILABLE or RATE_LIMITED: the centre may resend.
        """
        key = PaymentKey(hospital=opened.hospitals[0].id, med_org_ord=opened.notice.med_org_ord)
        try:
            with self._admission.admitted(key, Urgency.UNDER_WAY):
                return await self._take(opened, now)
        except PaymentError as error:
            raise _to_the_centre(error) from None

    async def _take(self, opened: OpenedNotice, now: datetime) -> str:
        notice = opened.notice
        async with self._database.begin() as unit:
            hospital, key = await _whose(unit, opened)
            place = key or PaymentKey(hospital=hospital.id, med_org_ord=notice.med_org_ord)
            message = _RECEIVED if key else _UNKNOWN
            received = ReceivedNotice(
                pay_ord_id=notice.pay_ord_id,
                ord_stas=notice.ord_stas,
                received_at=now,
                message=message,
                signature_digest=notice.signature_digest,
            )
            kept = await unit.notices.keep(place, received)
        if key is None:
            logger.warning("notice_of_unknown_order", hospital=hospital.id, payOrdId=notice.pay_ord_id)
            return _UNKNOWN
        if kept.followed is not None:
            # A resend or a replay: 6301 has already been asked because of it.
            logger.info("notice_repeated", hospital=key.hospital, medOrgOrd=key.med_org_ord)
            return kept.followed
        return await self._follow(key, hospital, kept.id, notice.ord_stas)

    async def _follow(self, key: PaymentKey, hospital: Hospital, notice_id: int, ord_stas: str) -> str:
        try:
            followed = await self._hints.follow(key, payment_terms(self._settings, hospital), ord_stas)
        except PaymentError as error:
            await self._remark(notice_id, _to_the_centre(error).message, None)
            raise
        message = EXPLAINED[followed]
        logger.info("notice_followed", hospital=key.hospital, medOrgOrd=key.med_org_ord, followed=followed.value)
        await self._remark(notice_id, message, utc_now())
        return message

    async def _remark(self, notice_id: int, message: str, followed_at: datetime | None) -> None:
        async with self._database.begin() as unit:
            await unit.notices.remark(notice_id, message, followed_at)


def _to_the_centre(error: PaymentError) -> PaymentError:
    """The failure in words for the centre, which has no call to repeat but a notice to send again."""
    if error.code not in _OWN_WORDS:
        return error
    retry_after_s = error.retry_after_s if isinstance(error, ApiError) else None
    return ApiError(error.code, _OWN_WORDS[error.code], retry_after_s=retry_after_s)


async def _whose(unit: Unit, opened: OpenedNotice) -> tuple[Hospital, PaymentKey | None]:
    """The hospital that has the order, and the payment; the first hospital and None where no one has it."""
    for find in (_by_pay_ord_id, _by_med_org_ord):
        for hospital in opened.hospitals:
            key = await find(unit, hospital, opened.notice)
            if key is not None:
                return hospital, key
    return opened.hospitals[0], None


async def _by_pay_ord_id(unit: Unit, hospital: Hospital, notice: SettlementNotice) -> PaymentKey | None:
    """The centre's own id."""
    return await unit.notices.about(hospital.id, notice.pay_ord_id)


async def _by_med_org_ord(unit: Unit, hospital: Hospital, notice: SettlementNotice) -> PaymentKey | None:
    """Only while the payment has no payOrdId yet. A number that another hospital has used is not this one's."""
    if not notice.med_org_ord:
        return None
    if await unit.centre_orders.owner(hospital.account, notice.med_org_ord) not in {None, hospital.id}:
        return None
    key = PaymentKey(hospital=hospital.id, med_org_ord=notice.med_org_ord)
    record = await unit.payments.find(key)
    return key if record is not None and record.pay_ord_id is None else None
