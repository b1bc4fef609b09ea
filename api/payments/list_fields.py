"""The list of payments: what may be asked for, and where the next page begins."""

import base64
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from api.payments.order_fields import CHANNEL as ORDER_CHANNEL
from api.payments.order_fields import MED_ORG_ORD
from api.payments.pre_settle_fields import CATEGORY as ORDER_CATEGORY
from api.web.fields import Field
from api.web.p_json import Fields
from domain import china_time as periods
from domain.errors import PaymentError
from domain.orders import Category, Channel
from domain.states import PaymentState
from storage.records import PaymentQuery, Place

E = TypeVar("E", bound=StrEnum)

_DAY = "ISO日期(北京时间的一天)或日期时间; 无时区的按北京时间, 时区的+号须编码为%2B"

STATE = Field("state", "支付状态", "", required="否", rule="支付状态之一, 如PRE_SETTLED")
CHANNEL = Field("channel", ORDER_CHANNEL.label, "", required="否", rule="WeChat或Alipay")
CATEGORY = Field("category", ORDER_CATEGORY.label, "", required="否", rule=ORDER_CATEGORY.rule)
FROM = Field("from", "受理时间起", "", required="否", rule=f"含; {_DAY}")
TO = Field("to", "受理时间止", "", required="否", rule=f"日期含当天, 日期时间不含该时刻; {_DAY}")
CURSOR = Field("cursor", "分页位置", "", required="否", rule="上一页响应头X-Next-Cursor的值", chars_max=200)

TABLE = (STATE, CHANNEL, CATEGORY, FROM, TO, CURSOR)


def read_query(fields: Fields, hospital: str) -> PaymentQuery:
    """Raises `PaymentError` INVALID_FIELD for the first parameter, in the table's order, that is wrong."""
    state = _one_of(STATE, PaymentState, fields)
    channel = _one_of(CHANNEL, Channel, fields)
    category = _one_of(CATEGORY, Category, fields)
    begins = _time(FROM, periods.beginning, fields)
    ends = _time(TO, periods.end, fields)
    if begins is not None and ends is not None and begins >= ends:
        raise TO.invalid(f"必须晚于{FROM.title}")
    return PaymentQuery(hospital=hospital, state=state, channel=channel, category=category, begins=begins, ends=ends)


def read_place(fields: Fields) -> Place | None:
    """Where the page begins; None: at the newest. Raises `PaymentError` INVALID_FIELD."""
    text = CURSOR.read(fields)
    if text is None:
        return None
    try:
        moment, _, med_org_ord = base64.urlsafe_b64decode(text.encode("ascii")).decode("ascii").partition(" ")
        accepted_at = periods.beginning(moment)
        number = MED_ORG_ORD.demand({MED_ORG_ORD.name: med_org_ord})
    except (ValueError, PaymentError):
        raise CURSOR.invalid(f"不正确: 须为{CURSOR.rule}") from None
    return Place(accepted_at=accepted_at, med_org_ord=number)


def cursor_of(place: Place) -> str:
    """A place as the caller brings it back. It says no more than a payment's place, and opens no other hospital's."""
    return base64.urlsafe_b64encode(f"{place.accepted_at.isoformat()} {place.med_org_ord}".encode("ascii")).decode()


def _one_of(field: Field, values: type[E], fields: Fields) -> E | None:
    text = field.read(fields)
    if text is None:
        return None
    try:
        return values(text)
    except ValueError:
        raise field.invalid(f"只能是{'、'.join(values)}") from None


def _time(field: Field, read: Callable[[str], datetime], fields: Fields) -> datetime | None:
    text = field.read(fields)
    try:
        return None if text is None else read(text)
    except ValueError:
        raise field.invalid(f"不正确: 须为{_DAY}") from None
