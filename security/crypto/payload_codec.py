"""Seals the payloads of workflow histories, so that Temporal's server and disks hold no payment data in clear.

A payload is bound to its workflow: its metadata names the workflow id (clear text in Temporal anyway), which is
authenticated with it, so that a payload opens only in its own payment (docs/decisions/payload-binding.md). Whatever
did not come from us is replaced before anybody reads it: whoever reaches Temporal can write into a history.

Texts that we write for operators stay readable in the Temporal UI: the summaries of workflows, activities and timers,
which are marked, and the current details, which the UI queries from the worker and no one stores.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ActivitySerializationContext,
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
    WorkflowSerializationContext,
)

from domain.base import MARK
from security.crypto.gcm import SealBrokenError, SealCipher
from security.crypto.keyring import Keyring
from security.crypto.sealed_values import Report, Why, refused, reporting, to_nobody

ENCODINGS = {f"binary/{cipher}".encode("ascii") for cipher in SealCipher}
"""The encodings that mark a sealed payload in its metadata, one for each cipher."""

KEY_ID = "key-id"

WORKFLOW_ID = "workflow-id"
"""Metadata key that names a payload's workflow. A sealed payload without it opens nowhere."""

_JSON = b"json/plain"
_MARKED = b'"' + MARK.encode()
_DETAILS = b"temporal.api.sdk.v1.WorkflowMetadata"
_CONTEXT = b"temporal/payload"
_PLAIN, _DEFLATED = b"\x00", b"\x01"

_DEFLATES_FROM_BYTES = 512
"""Deflating shorter payloads costs more CPU than sealing them whole (bench/codec.py: 3.2 % of a payment, now 2.5 %)."""

_LEVEL, _WINDOW_BITS, _MEMORY_LEVEL = 6, 12, 3
"""A 4 KiB window and little memory: payments' payloads get as small as with the defaults, in less time."""

_SHOWN_CHARS_MAX = 200


class PayloadMovedError(SealBrokenError):
    """A payload of one workflow was found in another. The text names the two workflows, nothing else."""

    def __init__(self, owner: str, found_in: str) -> None:
        super().__init__(f"a payload of {ascii(owner)[:_SHOWN_CHARS_MAX]} was found in {found_in!r}")


class KeyMissingError(SealBrokenError):
    """A payload was sealed with a key that is not in the keyring, or not yet."""


class SealingCodec(PayloadCodec, WithSerializationContext):
    """Deflates where that helps, then seals with the active key, whose id goes into the metadata."""

    def __init__(self, keyring: Keyring, workflow_id: str = "", report: Report = to_nobody) -> None:
        """`workflow_id`: the workflow to bind to, set by `with_context`; a codec server doesn't know it."""
        self._keyring = keyring
        self._workflow_id = workflow_id
        self._report = report
        self._place = _place(workflow_id.encode())
        self._metadata = {
            "encoding": f"binary/{keyring.cipher}".encode("ascii"),
            KEY_ID: keyring.active.encode("ascii"),
            WORKFLOW_ID: workflow_id.encode(),
        }

    def with_context(self, context: SerializationContext) -> "SealingCodec":
        """The codec bound to the workflow in `context`; its activities' payloads belong to it."""
        if not isinstance(context, WorkflowSerializationContext | ActivitySerializationContext):
            return self
        return SealingCodec(self._keyring, context.workflow_id or "", self._report)

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [payload if _for_operators(payload) else self._sealed(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """The payloads as they were before they were sealed.

        One that is none of ours is replaced by a refused one: an error would fail the workflow task, again and again,
        and so stop a payment at the whim of whoever wrote it there. Its reader decides what that means.
        """
        return [self._ours(payload) for payload in payloads]

    def open(self, payloads: Sequence[Payload]) -> list[Payload]:
        """For people: the payloads in clear, plain ones as they are. Raises `SealBrokenError`."""
        return [self._opened(payload) if is_sealed(payload) else payload for payload in payloads]

    def _ours(self, payload: Payload) -> Payload:
        try:
            if is_sealed(payload):
                return self._opened(payload)
            why, what = Why.UNSEALED, "it is not sealed"
        except PayloadMovedError as error:
            why, what = Why.MOVED, str(error)
        except KeyMissingError as error:
            why, what = Why.UNKNOWN_KEY, str(error)
        except SealBrokenError as error:
            why, what = Why.BROKEN, str(error)
        self._report(self._workflow_id, why)
        return refused(why, what)

    def _sealed(self, payload: Payload) -> Payload:
        if not self._workflow_id:
            raise AssertionError("a payload of no workflow")
        sealed = self._keyring.seal_bytes(_packed(payload.SerializeToString()), self._place)
        return Payload(metadata=self._metadata, data=sealed)

    def _opened(self, payload: Payload) -> Payload:
        """Raises `SealBrokenError`."""
        key_id = payload.metadata[KEY_ID].decode("ascii", "replace")
        owner = payload.metadata.get(WORKFLOW_ID, b"")
        if not owner or (self._workflow_id and owner != self._workflow_id.encode()):
            raise PayloadMovedError(owner.decode("utf-8", "replace"), self._workflow_id)
        if self._keyring.key(key_id) is None:
            raise KeyMissingError("it was sealed with a key that is not in the keyring")
        opened = self._keyring.open_bytes(key_id, payload.data, _place(owner))
        try:
            return Payload.FromString(_unpacked(opened))
        except (DecodeError, zlib.error) as error:
            raise SealBrokenError("what was sealed is no payload") from error


def is_sealed(payload: Payload) -> bool:
    """Whether it says that it is sealed."""
    return payload.metadata.get("encoding") in ENCODINGS


def _place(owner: bytes) -> bytes:
    return _CONTEXT + b"/" + owner


def _for_operators(payload: Payload) -> bool:
    if payload.metadata.get("messageType") == _DETAILS:
        return True
    return payload.metadata.get("encoding") == _JSON and payload.data.startswith(_MARKED)


def _packed(data: bytes) -> bytes:
    """The data, deflated if that makes it shorter, after a byte that says so."""
    if len(data) < _DEFLATES_FROM_BYTES:
        return _PLAIN + data
    deflater = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL)
    deflated = deflater.compress(data) + deflater.flush()
    return _DEFLATED + deflated if len(deflated) < len(data) else _PLAIN + data


def _unpacked(packed: bytes) -> bytes:
    return zlib.decompress(packed[1:]) if packed[:1] == _DEFLATED else packed[1:]


@dataclass(frozen=True)
class _SealingConverter(DataConverter):
    """Only the codec depends on the workflow, so the copy for each call and task shares everything else.

    The SDK's own `with_context` rebuilds every part, 13 µs each time, a third of what sealing costs (bench/codec.py).
    """

    def with_context(self, context: SerializationContext) -> "_SealingConverter":
        """A copy bound to the workflow in `context`."""
        if not isinstance(self.payload_codec, SealingCodec):
            raise AssertionError("a converter that doesn't seal")
        bound = object.__new__(_SealingConverter)
        bound.__dict__.update(self.__dict__, payload_codec=self.payload_codec.with_context(context))
        return bound


def data_converter(keyring: Keyring, report: Report = to_nobody) -> DataConverter:
    """Converts to pydantic's JSON, sealed and bound to its workflow. `report`: told of payloads that are refused.

    Failures are sealed as well, since their messages and stack traces would be clear text. Always in clear are
    workflow ids, search attributes and failure types.
    """
    return _SealingConverter(
        payload_converter_class=reporting(report),
        payload_codec=SealingCodec(keyring, report=report),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )
