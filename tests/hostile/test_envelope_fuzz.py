"""The centre's envelope and the notice's door, fed with anything: only declared refusals come out."""

import asyncio
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.hostile.envelope_inputs import Bytes, body, text
from tests.hostile.envelope_target import Believing, EnvelopeTarget, parse
from tests.hostile.fuzz_envelope import fuzz
from tests.support.waiting import WAIT_S_MAX

INPUTS = 1_500
"""A million are fed by `python -m tests.hostile.fuzz_envelope --inputs 1000000`."""

SEALED_WELL = {"answer read", "notice accepted"}
TARGET = EnvelopeTarget(Believing())


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    yield
    structlog.reset_defaults()


@settings(max_examples=400)
@given(st.binary(max_size=400))
async def test_any_object_is_refused_as_declared(data: bytes) -> None:
    assert await TARGET.feed(body(Bytes(data)))


@settings(max_examples=200)
@given(st.binary(max_size=400))
async def test_any_text_is_refused_as_declared(data: bytes) -> None:
    parsed = parse(text(Bytes(data)))
    if parsed is not None:
        assert await TARGET.feed(parsed)


async def test_many_inputs_come_to_every_step() -> None:
    """What a fuzz never reaches it says nothing about."""
    came, found = await asyncio.wait_for(fuzz(range(INPUTS), seed=7), WAIT_S_MAX)
    assert found == []
    reached = {part for outcome in came for part in outcome.split(", ")}
    assert reached >= SEALED_WELL
    assert {"answer opened", "answer not believed", "notice MISSING_FIELD", "notice UNAUTHORIZED"} <= reached


async def test_a_finding_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_: EnvelopeTarget, __: dict[str, object]) -> str:
        raise KeyError("timestamp")

    monkeypatch.setattr(EnvelopeTarget, "feed", fail)
    came, found = await fuzz(range(2), seed=1)
    assert (came.total(), found[0]) == (0, "input 0 of seed 1: KeyError: 'timestamp'")
