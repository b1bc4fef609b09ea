"""Reads 6302 结算结果通知 from the centre, verified and fresh. Only the order that it names is taken from it."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from domain.base import Frozen
from domain.values.china_time import from_china
from gateways.insurance.answers import ORD_STAS, identifier, text_of
from gateways.insurance.envelope import EnvelopeError, hospital_envelope, signature_digest
from gateways.insurance.profile import CentreProfile, HospitalAccount
from security.crypto.sm import Signer

FRESH_FOR: Final = timedelta(minutes=15)
"""How far a notice's timestamp may differ from our clock, against replays of old notices."""

HEAD: Final = ("appId", "timestamp", "encData", "signData")
"""The fields that an envelope needs."""

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
        self._form = profile
        self._envelope = hospital_envelope(profile, account, signer)

    async def read(self, body: Mapping[str, Any], now: datetime) -> SettlementNotice:
        """Raises `EnvelopeError`, `StaleNotice` or `IllFormed`, in this order: only signed content is judged."""
        data = await self._envelope.open_request(body)
        if abs(now - self._sent_at(body["timestamp"])) > FRESH_FOR:
            raise StaleNotice
        return settlement_notice(data).model_copy(update={"signature_digest": signature_digest(body)})

    def _sent_at(self, timestamp: object) -> datetime:
        """The timestamp, in the profile's format, which a centre uses in both directions."""
        text = str(timestamp).strip()
        try:
            match self._form.timestamp:
                case "datetime":
                    return from_china(text)
                case "epoch_ms":
                    return datetime.fromtimestamp(int(text) / 1000, UTC)
                case "epoch_s":
                    return datetime.fromtimestamp(int(text), UTC)
        except (ValueError, OverflowError, OSError) as error:
            raise EnvelopeError("timestamp can't be read") from error


def settlement_notice(data: Mapping[str, Any]) -> SettlementNotice:
    """The notice in opened data. Raises `IllFormed` if it names no order."""
    return SettlementNotice(
        pay_ord_id=identifier(data, "payOrdId"),
        med_org_ord=_matching(data, "medOrgOrd", _MED_ORG_ORD),
        ord_stas=_matching(data, "ordStas", ORD_STAS),
        org_codg=text_of(data, "orgCodg") or text_of(data, "orgCode"),
    )


def _matching(data: Mapping[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    text = text_of(data, name)
    return text if pattern.fullmatch(text) else ""
