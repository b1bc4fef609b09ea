"""Decrypts the payloads of workflow histories for people, only their own hospital's."""

import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

from api.web.errors import ApiError
from domain.errors import ErrorCode
from domain.ids import hospital_of
from security.crypto.keyring import SealBrokenError

WORKFLOW_ID = "workflow-id"
"""Metadata key that names a sealed payload's workflow; authenticated by the seal."""

PAYLOADS_MAX = 1_000
"""Per request. The UI sends one event's payloads at a time, the command line a few more."""

_TOO_MANY = f"一次最多解密{PAYLOADS_MAX}个payload"
_BROKEN = "无法解密: 内容被改动, 或密钥不在密钥环中"


class NotYours(ApiError):
    """A payload belongs to another hospital, or names no hospital where there are several."""

    def __init__(self, workflows: Sequence[str]) -> None:
        super().__init__(ErrorCode.FORBIDDEN, "只能解密本医院的支付内容")
        self.workflows = workflows


@dataclass(frozen=True)
class Opened:
    """`workflows`: the ids named by the sealed payloads. `unnamed`: how many sealed payloads name none."""

    payloads: list[Payload]
    workflows: list[str]
    unnamed: int

    @property
    def anything(self) -> bool:
        """Whether any payload was sealed: plain ones, which operators may read anyway, pass through as they are."""
        return bool(self.workflows or self.unnamed)


class CodecService:
    def __init__(self, codec: PayloadCodec, hospitals: Collection[str]) -> None:
        self._codec = codec
        self._hospitals = frozenset(hospitals)

    async def open(self, payloads: Sequence[Payload], hospital: str) -> Opened:
        """The payloads in clear, all or none of them.

        Raises `NotYours`, or `ApiError` TOO_LARGE or INVALID_FIELD.
        """
        if len(payloads) > PAYLOADS_MAX:
            raise ApiError(ErrorCode.TOO_LARGE, _TOO_MANY)
        try:
            opened = await self._codec.decode(payloads)
        except (SealBrokenError, DecodeError, zlib.error):
            raise ApiError(ErrorCode.INVALID_FIELD, _BROKEN, status=HTTPStatus.UNPROCESSABLE_ENTITY) from None
        # Names are read only now, once the seals have vouched for them. A payload that did not change was never sealed.
        sealed = [payload for payload, plain in zip(payloads, opened, strict=True) if plain != payload]
        names = [payload.metadata.get(WORKFLOW_ID, b"").decode("utf-8", "replace") for payload in sealed]
        self._check(names, hospital)
        workflows = sorted({name for name in names if name})
        return Opened(opened, workflows, unnamed=names.count(""))

    def _check(self, names: Sequence[str], hospital: str) -> None:
        only_one = self._hospitals == {hospital}
        # A name without a hospital (a payload that names none, a maintenance workflow) belongs to an only hospital.
        allowed = {hospital, None} if only_one else {hospital}
        if foreign := {name for name in names if hospital_of(name) not in allowed}:
            raise NotYours(sorted(foreign))
