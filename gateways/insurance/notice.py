"""Reads 6302 结算结果通知 from the centre, verified and fresh. Only the order that it names is taken from it."""

import contextlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from domain.base import Frozen
from domain.values.china_time import from_china
from domain.values.decimals import whole
from gateways.insurance.answers import IllFormed, identifier, ord_stas_of, text_of
from gateways.insurance.envelope import hospital_envelope, signature_digest
from gateways.insurance.profile import CentreProfile, HospitalAccount
from security.crypto.sm import Signer

FRESH_FOR: Final = timedelta(minutes=15)
"""How far a notice's timestamp may differ from our clock, against replays of old notices."""

HEAD: Final = ("appId", "timestamp", "encData", "signData")
"""The fields that an envelope needs."""

_SECONDS: Final = range(10**9, 10**10)
"""Since 1970, from 2001 to 2286; a thousand times as many are milliseconds. A time cut short is neither."""

_MED_ORG_ORD = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


class StaleNotice(Exception):
    """The signature verifies, but the timestamp is not current."""


class SettlementNotice(Frozen):
    """A hint. `med_org_ord`, `ord_stas` and `org_codg` are empty if the centre sent none or a malformed one."""

    pay_ord_id: str
    med_org_ord: str = ""
    ord_stas: str = ""
    org_codg: str = ""
    signature_digest: str = ""
    """Equal for the same message sent again by anyone; different if the centre signs a new one."""


class NoticeReader:
    """Opens notices from one account's centre. Raises ValueError for keys or an appId that can't be used."""

    def __init__(self, profile: CentreProfile, account: HospitalAccount, signer: Signer | None = None) -> None:
        """`signer`: by default the account's own private key."""
        self._envelope = hospital_envelope(profile, account, signer)

    async def read(self, body: Mapping[str, Any], now: datetime) -> SettlementNotice:
        """Raises `EnvelopeError`; and only about what was signed `StaleNotice`, or `IllFormed` naming the field."""
        data = await self._envelope.open_request(body)
        if abs(now - _sent_at(body["timestamp"])) > FRESH_FOR:
            raise StaleNotice
        return settlement_notice(data).model_copy(update={"signature_digest": signature_digest(body)})


def _sent_at(timestamp: object) -> datetime:
    """A time in either form, or seconds or milliseconds since 1970, which their size tells apart.

    Whatever the profile says of what we send: some centres send another form themselves.
    """
    text = str(timestamp).strip()
    with contextlib.suppress(ValueError):
        return from_china(text)
    with contextlib.suppress(ValueError):
        since_1970 = whole(text)
        if since_1970 in _SECONDS:
            return datetime.fromtimestamp(since_1970, UTC)
        if since_1970 // 1000 in _SECONDS:
            return datetime.fromtimestamp(since_1970 / 1000, UTC)
    raise IllFormed("timestamp")


def settlement_notice(data: Mapping[str, Any]) -> SettlementNotice:
    """The notice in opened data. Raises `IllFormed` if it names no order."""
    med_org_ord = text_of(data, "medOrgOrd")
    return SettlementNotice(
        pay_ord_id=identifier(data, "payOrdId"),
        med_org_ord=med_org_ord if _MED_ORG_ORD.fullmatch(med_org_ord) else "",
        ord_stas="" if (ord_stas := ord_stas_of(text_of(data, "ordStas"))) is None else str(ord_stas),
        org_codg=text_of(data, "orgCodg") or text_of(data, "orgCode"),
    )
