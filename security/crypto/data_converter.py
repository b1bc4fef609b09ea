"""How values travel through Temporal: one converter for clients, workers, replays and tests."""

from dataclasses import dataclass

from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes, SerializationContext

from security.crypto.keyring import Keyring
from security.crypto.payload_codec import SealingCodec


@dataclass(frozen=True)
class _SealingConverter(DataConverter):
    """Only the codec depends on the workflow: a copy for each call and task shares all the rest.

    The SDK's own way makes every part anew, 13 µs each time, a third of what sealing costs (bench/codec.py).
    """

    def with_context(self, context: SerializationContext) -> "_SealingConverter":
        """Of the workflow that `context` names."""
        if not isinstance(self.payload_codec, SealingCodec):
            raise AssertionError("a converter that doesn't seal")  # noqa: TRY004 - a bug, not a wrong type of a caller's
        bound = object.__new__(_SealingConverter)
        bound.__dict__.update(self.__dict__, payload_codec=self.payload_codec.with_context(context))
        return bound


def data_converter(keyring: Keyring) -> DataConverter:
    """Pydantic's JSON, sealed and bound to its workflow by the context that the SDK gives.

    Failures too: their messages and stack traces would be clear text otherwise.

    Clear in any case: workflow ids, search attributes, failure types.
    """
    return _SealingConverter(
        payload_converter_class=PydanticPayloadConverter,
        payload_codec=SealingCodec(keyring),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )
