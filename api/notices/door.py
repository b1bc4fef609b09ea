"""Authenticates a notice (6302): its appId selects hospitals, and the signature of their centre proves the sender."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

import structlog

from api.web.errors import ApiError
from domain.errors import ErrorCode, PaymentError
from gateways.insurance.answers import IllFormed
from gateways.insurance.envelope import EnvelopeError
from gateways.insurance.notice import HEAD, NoticeReader, SettlementNotice, StaleNotice
from hospitals import Hospital
from security.crypto.sm import GmsslSigner, Signer

logger = structlog.get_logger(__name__)

_UNVERIFIED: Final = "验签或解密失败: appId, encData, signData"
_STALE: Final = "时间戳(timestamp)与当前时间相差过大"


@dataclass
class _Account:
    """One set of keys and formats; several hospitals may share it."""

    reader: NoticeReader
    hospitals: list[Hospital] = field(default_factory=list)


@dataclass(frozen=True)
class OpenedNotice:
    """`hospitals`: those it may belong to, usually one."""

    notice: SettlementNotice
    hospitals: tuple[Hospital, ...]


class NoticeDoor:
    def __init__(self, hospitals: Iterable[Hospital], signer: Callable[[str, str], Signer] = GmsslSigner) -> None:
        """`signer`: makes a signer from a private key and an SM2 user id, as `KeyProvider.signer` does."""
        self._accounts: dict[str, dict[object, _Account]] = {}
        for hospital in hospitals:
            # Hospitals with the same keys share an account, so that a forged notice costs one verification in all.
            centre = hospital.centre
            alike = (hospital.app_secret, centre.platform_public_key, centre.sm2_user_id, centre.numbers)
            accounts = self._accounts.setdefault(hospital.app_id, {})
            if alike not in accounts:
                accounts[alike] = _Account(
                    NoticeReader(centre, hospital, signer(hospital.private_key, centre.sm2_user_id))
                )
            accounts[alike].hospitals.append(hospital)

    async def open(self, body: Mapping[str, Any], now: datetime) -> OpenedNotice:
        """Raises `PaymentError` MISSING_FIELD, INVALID_FIELD, or UNAUTHORIZED if it does not verify or is stale."""
        absent = [name for name in HEAD if not body.get(name)]
        if absent:
            raise _malformed(ErrorCode.MISSING_FIELD, f"报文头字段缺失: {', '.join(absent)}")
        refusal = PaymentError(ErrorCode.UNAUTHORIZED, _UNVERIFIED)
        for account in self._accounts.get(str(body["appId"]), {}).values():
            try:
                return _narrowed(await account.reader.read(body, now), account.hospitals)
            except EnvelopeError as error:
                logger.warning("notice_not_believed", hospital=account.hospitals[0].id, reason=str(error))
            except StaleNotice:
                logger.warning("notice_stale", hospital=account.hospitals[0].id)
                refusal = PaymentError(ErrorCode.UNAUTHORIZED, _STALE)
            except IllFormed as error:
                raise _malformed(ErrorCode.INVALID_FIELD, f"字段缺失或格式不正确: {error}") from None
        raise refusal


def _narrowed(notice: SettlementNotice, hospitals: list[Hospital]) -> OpenedNotice:
    """Narrowed to the hospitals whose orgCodg it names, if it names one of theirs."""
    named = [hospital for hospital in hospitals if hospital.org_codg == notice.org_codg]
    return OpenedNotice(notice, tuple(named or hospitals))


def _malformed(code: ErrorCode, message: str) -> ApiError:
    return ApiError(code, message, status=HTTPStatus.BAD_REQUEST)
