"""6302 结算结果通知 as the centre sends it: verified and fresh. All that is taken from it is whom it is about."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from domain.base import Frozen
from domain.china_time import from_china
from gateways.insurance.answers import ORD_STAS, identifier, text_of
from gateways.insurance.envelope import EnvelopeError, hospital_envelope, signature_digest
from gateways.insurance.profile import CentreProfile, HospitalAccount
from security.crypto.sm import Signer

FRESH_FOR: Final = timedelta(minutes=15)
"""How far a notice's timestamp may be from our clock: an old one that somebody sends again is not the centre's word."""

HEAD: Final = ("appId", "timestamp", "encData", "signData")
"""What an envelope must have to be looked at."""

_MED_ORG_ORD = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


class StaleNotice(Exception):
    """The signature verifies, the time is not now."""


class SettlementNotice(Frozen):
    """A hint. `med_org_ord`, `ord_stas` and `org_codg` are empty where the centre does not say, or not in our form."""

    pay_ord_id: str
    med_org_ord: str = ""
    ord_stas: str = ""
    org_codg: str = ""
    signature_digest: str = ""
    """The same where the same notice comes again, from whomever; another one where the centre tells it again."""


class NoticeReader:
    """Opens what one account's centre sends. Raises ValueError for keys or an appId that can't be used."""

    def __init__(self, profile: CentreProfile, account: HospitalAccount, signer: Signer | None = None) -> None:
        """`signer`: by default the account's own private key."""
        self._form = profile
        self._envelope = hospital_envelope(profile, account, signer)

    async def read(self, body: Mapping[str, Any], now: datetime) -> SettlementNotice:
        """Raises `EnvelopeError`, `StaleNotice`, `IllFormed`: in this order, since only what is signed is judged."""
        data = await self._envelope.open_request(body)
        if abs(now - self._sent_at(body["timestamp"])) > FRESH_FOR:
            raise StaleNotice
        return settlement_notice(data).model_copy(update={"signature_digest": signature_digest(body)})

    def _sent_at(self, timestamp: object) -> datetime:
        """In the profile's format: a centre writes its own times as it reads ours."""
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
    """Raises `IllFormed` where it names no order."""
    return SettlementNotice(
        pay_ord_id=identifier(data, "payOrdId"),
        med_org_ord=_matching(data, "medOrgOrd", _MED_ORG_ORD),
        ord_stas=_matching(data, "ordStas", ORD_STAS),
        org_codg=text_of(data, "orgCodg") or text_of(data, "orgCode"),
    )


def _matching(data: Mapping[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    text = text_of(data, name)
    return text if pattern.fullmatch(text) else ""
