"""Seals the payloads of a workflow history: Temporal's server and its disks never see what a payment is about.

Left readable, so that the Temporal UI tells operators a story: the words that we wrote for them. Those are the
summaries of workflows, activities and timers, which bear a mark, and the current details, which the UI asks from the
worker and nobody stores.
"""

import zlib
from collections.abc import Sequence

from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

from domain.operators import MARK
from security.keyring import Keyring

ENCODING = b"binary/sm4-gcm"
_JSON = b"json/plain"
_MARKED = b'"' + MARK.encode()
_DETAILS = b"temporal.api.sdk.v1.WorkflowMetadata"
_CONTEXT = b"temporal/payload"
_PLAIN, _DEFLATED = b"\x00", b"\x01"


class SealingCodec(PayloadCodec):
    """SM4-GCM, deflated before where that helps. The key's id stands in the metadata, so that old keys still open."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [payload if _for_operators(payload) else self._sealed(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Raises `SealBrokenError`. What was never sealed, such as an operator's signal by hand, stays as it is."""
        return [
            self._opened(payload) if payload.metadata.get("encoding") == ENCODING else payload for payload in payloads
        ]

    def _sealed(self, payload: Payload) -> Payload:
        sealed = self._keyring.seal_bytes(_packed(payload.SerializeToString()), _CONTEXT)
        return Payload(metadata={"encoding": ENCODING, "key-id": self._keyring.active.encode("ascii")}, data=sealed)

    def _opened(self, payload: Payload) -> Payload:
        key_id = payload.metadata["key-id"].decode("ascii", "replace")
        return Payload.FromString(_unpacked(self._keyring.open_bytes(key_id, payload.data, _CONTEXT)))


def _for_operators(payload: Payload) -> bool:
    if payload.metadata.get("messageType") == _DETAILS:
        return True
    return payload.metadata.get("encoding") == _JSON and payload.data.startswith(_MARKED)


def _packed(data: bytes) -> bytes:
    """The first byte tells how the rest is packed; it is sealed too."""
    deflated = zlib.compress(data)
    return _DEFLATED + deflated if len(deflated) < len(data) else _PLAIN + data


def _unpacked(packed: bytes) -> bytes:
    return zlib.decompress(packed[1:]) if packed[:1] == _DEFLATED else packed[1:]
