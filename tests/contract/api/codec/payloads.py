"""Payloads as a workflow's history holds them, and as Temporal's tools send them to the codec server."""

from google.protobuf import json_format
from temporalio.api.common.v1 import Payload, Payloads

from security.crypto.keyring import Keyring
from security.crypto.payload_codec import SealingCodec

DECODE = "/codec/decode"
JSON = {"Content-Type": "application/json"}
OURS, THEIRS = "payment-main-M1", "payment-west-M1"
UI = "http://127.0.0.1:8233"
PLAIN_TYPE = {"encoding": b"json/plain"}


def plain(text: str) -> Payload:
    return Payload(metadata=PLAIN_TYPE, data=f'"{text}"'.encode())


async def sealed(keyring: Keyring, workflow_id: str, text: str) -> Payload:
    """Of this workflow, which it names."""
    (payload,) = await SealingCodec(keyring, workflow_id).encode([plain(text)])
    return payload


def body_of(*payloads: Payload) -> str:
    return json_format.MessageToJson(Payloads(payloads=payloads))


def texts_in(body: str) -> list[str]:
    """What the answer's payloads say."""
    return [payload.data.decode()[1:-1] for payload in json_format.Parse(body, Payloads()).payloads]
