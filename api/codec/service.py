"""Decrypts the payloads of workflow histories for people, only their own hospital's."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from temporalio.api.common.v1 import Payload

from api.web.errors import ApiError
from domain.errors import ErrorCode
from domain.ids import hospital_of
from security.crypto.keyring import SealBrokenError
from security.crypto.payload_codec import WORKFLOW_ID, SealingCodec, is_sealed

PAYLOADS_MAX = 1_000
"""Per request. The UI sends one event's payloads at a time, the command line a few more."""

_TOO_MANY = f"一次最多解密{PAYLOADS_MAX}个payload"
_BROKEN = "无法解密: 内容被改动, 或密钥不在密钥环中"


class NotYours(ApiError):
    """A payload belongs to another hospital, or to no payment at all."""

    def __init__(self, workflows: Sequence[str]) -> None:
        super().__init__(ErrorCode.FORBIDDEN, "只能解密本医院的支付内容")
        self.workflows = workflows


@dataclass(frozen=True)
class Opened:
    """`workflows`: the ids named by the sealed payloads. Empty: all were plain, which operators may read anyway."""

    payloads: list[Payload]
    workflows: list[str]


def check_count(payloads: object) -> None:
    """Raises `ApiError` TOO_LARGE for more than `PAYLOADS_MAX`."""
    if isinstance(payloads, Sequence) and len(payloads) > PAYLOADS_MAX:
        raise ApiError(ErrorCode.TOO_LARGE, _TOO_MANY)


class CodecService:
    def __init__(self, codec: SealingCodec) -> None:
        self._codec = codec

    async def open(self, payloads: Sequence[Payload], hospital: str) -> Opened:
        """The payloads in clear, all or none of them.

        Raises `NotYours`, or `ApiError` TOO_LARGE or INVALID_FIELD.
        """
        check_count(payloads)
        try:
            opened = self._codec.open(payloads)
        except SealBrokenError:
            raise ApiError(ErrorCode.INVALID_FIELD, _BROKEN, status=HTTPStatus.UNPROCESSABLE_ENTITY) from None
        # Names are read only now, once the seals have vouched for them.
        sealed = [payload for payload in payloads if is_sealed(payload)]
        workflows = sorted({payload.metadata[WORKFLOW_ID].decode("utf-8", "replace") for payload in sealed})
        if foreign := [name for name in workflows if hospital_of(name) != hospital]:
            raise NotYours(foreign)
        return Opened(opened, workflows)
