"""How values travel through Temporal: one converter for clients, workers, replays and tests."""

import dataclasses

from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes

from security.keyring import Keyring
from security.payload_codec import SealingCodec


def data_converter(keyring: Keyring) -> DataConverter:
    """Pydantic's JSON, sealed and bound to its workflow by the context that the SDK gives.

    Failures too: their messages and stack traces would be clear text otherwise.

    Clear in any case: workflow ids, search attributes, failure types.
    """
    return dataclasses.replace(
        pydantic_data_converter,
        payload_codec=SealingCodec(keyring),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )
