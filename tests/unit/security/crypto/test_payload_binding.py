"""A payload belongs to one workflow: it can't be moved to another payment."""

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.converter import ActivitySerializationContext, DataConverter, WorkflowSerializationContext
from temporalio.exceptions import ApplicationError

from security.crypto.keyring import Keyring, SealBrokenError
from security.crypto.payload_codec import WORKFLOW_ID, PayloadMovedError, SealingCodec, data_converter

KEYRING = Keyring.generate()
OURS, THEIRS = "payment-main-A", "payment-main-B"


def of(workflow_id: str) -> DataConverter:
    return data_converter(KEYRING).with_context(WorkflowSerializationContext("default", workflow_id))


def of_activity(workflow_id: str | None) -> DataConverter:
    context = ActivitySerializationContext("default", "1", "settle", "payments", workflow_id, "Payment", is_local=False)
    return data_converter(KEYRING).with_context(context)


async def sealed(converter: DataConverter, value: object = "token") -> Payload:
    return (await converter.encode([value]))[0]


async def test_its_own_workflow_and_activities_open_it() -> None:
    for made in (await sealed(of(OURS)), await sealed(of_activity(OURS))):
        assert made.metadata[WORKFLOW_ID] == OURS.encode()
        assert await of(OURS).decode([made]) == ["token"]
        assert await of_activity(OURS).decode([made]) == ["token"]


async def test_another_payment_refuses_it_and_names_both() -> None:
    moved = await sealed(of(OURS))
    for converter in (of(THEIRS), of_activity(THEIRS)):
        with pytest.raises(PayloadMovedError, match="a payload of 'payment-main-A' was found in 'payment-main-B'"):
            await converter.decode([moved])


async def test_a_forged_owner_opens_nothing() -> None:
    moved = await sealed(of(OURS))
    moved.metadata[WORKFLOW_ID] = THEIRS.encode()
    for converter in (of(THEIRS), data_converter(KEYRING)):
        with pytest.raises(SealBrokenError, match="sealed for another place"):
            await converter.decode([moved])


async def test_who_has_only_payloads_can_open_them() -> None:
    """As a codec server does: it is told no workflow."""
    payloads = [await sealed(of(OURS), "a"), await sealed(of(THEIRS), "b")]
    assert await data_converter(KEYRING).decode(payloads) == ["a", "b"]


async def test_one_that_names_no_workflow_opens_nowhere() -> None:
    nameless = await sealed(of(OURS))
    del nameless.metadata[WORKFLOW_ID]
    for converter in (of(OURS), data_converter(KEYRING)):
        with pytest.raises(PayloadMovedError):
            await converter.decode([nameless])


async def test_nothing_is_sealed_for_no_workflow() -> None:
    with pytest.raises(AssertionError, match="no workflow"):
        await sealed(of_activity(None))


async def test_a_codec_of_one_workflow_gives_that_of_another() -> None:
    codec = SealingCodec(KEYRING, OURS).with_context(WorkflowSerializationContext("default", THEIRS))
    (payload,) = await codec.encode([Payload(data=b"x")])
    assert payload.metadata[WORKFLOW_ID] == THEIRS.encode()


async def test_a_failure_is_bound_too() -> None:
    failure = Failure()
    await of(OURS).encode_failure(ApplicationError("NAME-MARKER", type="NOT_PAID"), failure)
    copy = Failure()
    copy.CopyFrom(failure)
    with pytest.raises(PayloadMovedError):
        await of(THEIRS).decode_failure(copy)
    assert str(await of(OURS).decode_failure(failure)) == "NOT_PAID: NAME-MARKER"


async def test_a_long_or_strange_owner_is_told_in_one_short_line() -> None:
    moved = await sealed(of("x\n" * 5000))
    with pytest.raises(PayloadMovedError) as caught:
        await of(OURS).decode([moved])
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
