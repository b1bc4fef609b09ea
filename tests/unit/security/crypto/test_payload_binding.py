"""A payload belongs to one workflow: it can't be moved to another payment."""

import pytest
from pydantic import BaseModel
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.converter import ActivitySerializationContext, DataConverter, WorkflowSerializationContext
from temporalio.exceptions import ApplicationError

from activities.contract.base import Step, StepResult
from security.crypto.keyring import Keyring, SealBrokenError
from security.crypto.payload_codec import WORKFLOW_ID, PayloadMovedError, SealingCodec, data_converter
from security.crypto.sealed_values import NotSealedError, Why

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
        assert await of(OURS).decode([made], [str]) == ["token"]
        assert await of_activity(OURS).decode([made], [str]) == ["token"]


async def test_another_payment_refuses_it_and_names_both() -> None:
    moved = await sealed(of(OURS))
    for converter in (of(THEIRS), of_activity(THEIRS)):
        with pytest.raises(NotSealedError, match="a payload of 'payment-main-A' was found in 'payment-main-B'"):
            await converter.decode([moved], [str])


async def test_a_forged_owner_opens_nothing() -> None:
    moved = await sealed(of(OURS))
    moved.metadata[WORKFLOW_ID] = THEIRS.encode()
    for converter in (of(THEIRS), data_converter(KEYRING)):
        with pytest.raises(NotSealedError, match="sealed for another place"):
            await converter.decode([moved], [str])


async def test_who_has_only_payloads_can_open_them() -> None:
    """As a codec server does: it is told no workflow."""
    payloads = [await sealed(of(OURS), "a"), await sealed(of(THEIRS), "b")]
    assert await data_converter(KEYRING).decode(payloads, [str, str]) == ["a", "b"]
    assert [payload.data for payload in SealingCodec(KEYRING).open(payloads)] == [b'"a"', b'"b"']


async def test_one_that_names_no_workflow_opens_nowhere() -> None:
    nameless = await sealed(of(OURS))
    del nameless.metadata[WORKFLOW_ID]
    for converter in (of(OURS), data_converter(KEYRING)):
        with pytest.raises(NotSealedError):
            await converter.decode([nameless], [str])
    with pytest.raises(PayloadMovedError):
        SealingCodec(KEYRING).open([nameless])


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
    read = await of(THEIRS).decode_failure(copy)
    assert "NAME-MARKER" not in str(read)
    assert str(await of(OURS).decode_failure(failure)) == "NOT_PAID: NAME-MARKER"


async def test_a_long_or_strange_owner_is_told_in_one_short_line() -> None:
    moved = await sealed(of("x\n" * 5000))
    with pytest.raises(NotSealedError) as caught:
        await of(OURS).decode([moved], [str])
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


class Thing(BaseModel):
    """A kind of its own."""

    text: str = ""


class TestKinds:
    """A payload is read only as what it was sealed as."""

    async def test_another_kind_is_refused(self) -> None:
        made = await sealed(of(OURS), Thing())
        assert await of(OURS).decode([made], [Thing]) == [Thing()]
        for kind in (str, dict, Step):
            with pytest.raises(NotSealedError):
                await of(OURS).decode([made], [kind])

    async def test_a_stranger_cannot_name_one(self) -> None:
        plain = Payload(metadata={"encoding": b"json/plain", "kind": b"Thing"}, data=b"{}")
        forged = Payload(metadata={"encoding": b"medpay/refused", "why": b"unsealed", "kind": b"Thing"}, data=b"{}")
        for payload in (plain, forged):
            with pytest.raises(NotSealedError, match="not sealed"):
                await of(OURS).decode([payload], [Thing])

    async def test_a_result_that_is_none_of_ours_is_of_no_step(self) -> None:
        """Its workflow does without it: an error would fail the workflow task again and again."""
        kind = StepResult[Thing]
        plain = Payload(metadata={"encoding": b"json/plain"}, data=b'{"name":"his_settle","number":1}')
        for payload in (plain, await sealed(of(THEIRS), kind(name="his_settle", number=1)), await sealed(of(OURS))):
            (result,) = await of(OURS).decode([payload], [kind])
            assert (result.name, result.number, result.value) == ("", 0, None)

    async def test_a_result_whose_key_is_missing_is_waited_for(self) -> None:
        kind = StepResult[Thing]
        newer = Keyring("k2", {"k2": b"2" * 16}, b"d" * 32)
        converter = data_converter(newer).with_context(WorkflowSerializationContext("default", OURS))
        with pytest.raises(SealBrokenError, match="not in the keyring"):
            await of(OURS).decode([await sealed(converter, kind(name="his_settle", number=1))], [kind])

    async def test_each_refusal_is_reported_with_its_workflow(self) -> None:
        told: list[tuple[str, Why]] = []
        converter = data_converter(KEYRING, lambda workflow_id, why: told.append((workflow_id, why)))
        ours = converter.with_context(WorkflowSerializationContext("default", OURS))
        plain = Payload(metadata={"encoding": b"json/plain"}, data=b"{}")
        for payload in (plain, await sealed(of(THEIRS)), await sealed(of(OURS))):
            with pytest.raises(NotSealedError):
                await ours.decode([payload], [Thing])
        assert [why for _, why in told] == [Why.UNSEALED, Why.MOVED, Why.MISPLACED]
        assert {workflow_id for workflow_id, why in told if why is not Why.MISPLACED} == {OURS}
