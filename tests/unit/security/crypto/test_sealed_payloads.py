import json

import pytest
from pydantic import BaseModel
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.converter import DataConverter, WorkflowSerializationContext
from temporalio.exceptions import ApplicationError

from domain.base import for_operators
from domain.orders import PaymentStart
from security.crypto.gcm import SealCipher
from security.crypto.keyring import Keyring, SealBrokenError
from security.crypto.payload_codec import ENCODINGS, SealingCodec, data_converter
from security.crypto.sealed_values import NotSealedError
from tests.support.values.orders import outpatient, start

MARKERS = ("NAME-MARKER", "AUTH-MARKER", "LATLNT-MARKER", "110101199003070134")
START = start(outpatient("CODEC1", patient_name="NAME-MARKER", pay_auth_no="AUTH-MARKER", uld_latlnt="LATLNT-MARKER"))


class Text(BaseModel):
    text: str


def raised() -> ApplicationError:
    """An error with a stack trace."""
    try:
        outpatient_is_refused()
    except ApplicationError as error:
        return error
    raise AssertionError("not refused")


def outpatient_is_refused() -> None:
    raise ApplicationError("NAME-MARKER", "AUTH-MARKER", type="NOT_PAID")


def converter_of(keyring: Keyring) -> DataConverter:
    """Of one payment: no payload is sealed for nobody."""
    return data_converter(keyring).with_context(WorkflowSerializationContext("default", "payment-main-CODEC1"))


async def encoded(keyring: Keyring, value: object) -> Payload:
    return (await converter_of(keyring).encode([value]))[0]


async def test_a_payload_of_no_workflow_is_not_sealed() -> None:
    with pytest.raises(AssertionError, match="no workflow"):
        await data_converter(Keyring.generate()).encode(["x"])


async def test_a_value_comes_back_as_its_type() -> None:
    keyring = Keyring.generate()
    payload = await encoded(keyring, START)
    assert await converter_of(keyring).decode([payload], [PaymentStart]) == [START]


async def test_a_payload_shows_nothing_but_its_key_and_its_workflow() -> None:
    payload = await encoded(Keyring.generate(), START)
    assert dict(payload.metadata) == {
        "encoding": b"binary/sm4-gcm",
        "key-id": b"k1",
        "workflow-id": b"payment-main-CODEC1",
    }
    raw = payload.SerializeToString()
    assert [marker for marker in MARKERS if marker.encode() in raw] == []


async def test_a_long_value_is_deflated_and_a_short_one_is_not() -> None:
    keyring = Keyring.generate()
    long, short = await encoded(keyring, Text(text="费" * 5000)), await encoded(keyring, 7)
    assert len(long.data) < 500
    assert await converter_of(keyring).decode([long, short], [Text, int]) == [Text(text="费" * 5000), 7]


async def test_aes_is_chosen_by_its_key() -> None:
    keyring = Keyring.generate(SealCipher.AES_256)
    payload = await encoded(keyring, START)
    assert payload.metadata["encoding"] == b"binary/aes-256-gcm"
    assert await converter_of(keyring).decode([payload], [PaymentStart]) == [START]


async def test_ciphers_may_change_with_a_rotation() -> None:
    old = Keyring("k1", {"k1": b"1" * 16}, b"d" * 32)
    new = Keyring("k2", {"k1": b"1" * 16, "k2": b"2" * 32}, b"d" * 32)
    values = [await encoded(old, "old"), await encoded(new, "new")]
    assert await converter_of(new).decode(values, [str, str]) == ["old", "new"]


async def test_old_keys_open_old_histories() -> None:
    old = Keyring("k1", {"k1": b"1" * 16}, b"d" * 32)
    new = Keyring("k2", {"k1": b"1" * 16, "k2": b"2" * 16}, b"d" * 32)
    assert await converter_of(new).decode([await encoded(old, "old")], [str]) == ["old"]
    assert (await encoded(new, "new")).metadata["key-id"] == b"k2"


@pytest.mark.parametrize("keyring", [Keyring.generate(), Keyring("k9", {"k9": b"9" * 16}, b"d" * 32)])
async def test_a_strangers_keys_open_nothing(keyring: Keyring) -> None:
    payload = await encoded(Keyring.generate(), START)
    with pytest.raises((SealBrokenError, NotSealedError)):
        await converter_of(keyring).decode([payload], [PaymentStart])
    with pytest.raises(SealBrokenError):
        SealingCodec(keyring).open([payload])


async def test_a_changed_payload_is_noticed() -> None:
    keyring = Keyring.generate()
    payload = await encoded(keyring, START)
    payload.data = payload.data[:-1] + bytes([payload.data[-1] ^ 1])
    with pytest.raises(NotSealedError):
        await converter_of(keyring).decode([payload], [PaymentStart])


async def test_what_was_never_sealed_is_shown_to_people_and_taken_by_nobody() -> None:
    plain = Payload(metadata={"encoding": b"json/plain"}, data=json.dumps("by hand").encode())
    assert SealingCodec(Keyring.generate()).open([plain]) == [plain]
    with pytest.raises(NotSealedError):
        await converter_of(Keyring.generate()).decode([plain], [str])


async def test_a_failure_hides_its_message_and_trace_but_not_its_type() -> None:
    converter, failure = converter_of(Keyring.generate()), Failure()
    await converter.encode_failure(raised(), failure)
    raw = failure.SerializeToString()
    assert b"NOT_PAID" in raw
    assert [marker for marker in MARKERS if marker.encode() in raw] == []
    assert b"test_sealed_payloads" not in raw
    decoded = await converter.decode_failure(failure)
    assert isinstance(decoded, ApplicationError)
    assert (decoded.message, decoded.type) == ("NAME-MARKER", "NOT_PAID")
    (detail,) = decoded.details
    assert detail.read(str) == "AUTH-MARKER"
    assert detail.read(PaymentStart) is None


async def test_words_for_operators_stay_readable_and_are_taken_by_nobody() -> None:
    converter = converter_of(Keyring.generate())
    (payload,) = await converter.encode([for_operators("6202 支付下单")])
    assert "支付下单" in payload.data.decode()
    with pytest.raises(NotSealedError):
        await converter.decode([payload], [str])


@pytest.mark.parametrize("value", ["6202 支付下单", {"words": for_operators("x")}, [for_operators("x")]])
async def test_anything_else_is_sealed(value: object) -> None:
    (payload,) = await converter_of(Keyring.generate()).encode([value])
    assert payload.metadata["encoding"] in ENCODINGS
