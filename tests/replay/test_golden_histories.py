"""Payments begun by the code of another day still replay: determinism is a promise."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from security.crypto.keyring import Keyring
from security.crypto.payload_codec import data_converter
from workflows.sandbox import sandbox
from workflows.start import WORKFLOWS

GOLDEN = Path(__file__).parent / "golden"
HISTORIES = sorted(file for file in GOLDEN.glob("*.json") if file.name != "keyring.json")
PATHS = {
    *("outpatient", "registration", "rejected", "reversed", "lost-reply"),
    *("auto-finish", "superseded", "expired", "refunded", "refund", "review"),
    *("slow-centre", "reopened"),
    *("at-once", "kept-waiting", "refund-by-two"),
}


@pytest.fixture
def replayer(tmp_path: Path) -> Replayer:
    keys = tmp_path / "keyring.json"
    keys.write_bytes((GOLDEN / "keyring.json").read_bytes())
    keys.chmod(0o600)  # a checkout is readable by all; a keyring may not be
    converter = data_converter(Keyring.load(keys))
    return Replayer(workflows=WORKFLOWS, data_converter=converter, workflow_runner=sandbox())


def _events(file: Path) -> dict[str, Any]:
    events: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return events


def _history(events: dict[str, Any]) -> WorkflowHistory:
    """Under its own workflow's id: payloads open under no other."""
    started = events["events"][0]["workflowExecutionStartedEventAttributes"]
    return WorkflowHistory.from_json(started["workflowId"], events)


def test_every_path_is_kept() -> None:
    assert {file.stem for file in HISTORIES} >= PATHS


@pytest.mark.parametrize("file", HISTORIES, ids=lambda file: file.stem)
async def test_replays_on_todays_code(replayer: Replayer, file: Path) -> None:
    result = await replayer.replay_workflow(_history(_events(file)))
    assert result.replay_failure is None


async def test_another_story_does_not_replay(replayer: Replayer) -> None:
    """The check can fail: a payment that would have asked for 6401 where this one asked for 6202."""
    changed = _events(GOLDEN / "outpatient.json")
    for event in changed["events"]:
        # A local activity's name is in its marker, readable but encoded.
        for detail in event.get("markerRecordedEventAttributes", {}).get("details", {}).values():
            for payload in detail["payloads"]:
                text = base64.b64decode(payload["data"])
                text = text.replace(b"insurance_6202_place_order", b"insurance_6401_revoke_order")
                payload["data"] = base64.b64encode(text).decode()
    result = await replayer.replay_workflow(_history(changed), raise_on_replay_failure=False)
    assert result.replay_failure is not None


@pytest.mark.parametrize("file", HISTORIES, ids=lambda file: file.stem)
def test_holds_no_clear_text_of_a_person(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    for marker in ("张三", "李四", "110101199003070134", "11010119900307109X", "auth-demo"):
        assert marker not in text
