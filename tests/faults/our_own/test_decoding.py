"""Temporal's own command line decodes through the codec server, with a person's key, and that is recorded."""

import base64
import json
from typing import Any

from domain.ids import payment_workflow_id
from tests.support.stack.database import log_of
from tests.support.stack.running import Stack, outpatient_call

ID_NO = "110101199003070134"


async def shown(stack: Stack, number: str, *codec: str) -> str:
    """A payment's history as JSON, as `temporal workflow show` writes it."""
    workflow_id = payment_workflow_id("main", number)
    history = await stack.temporal.run("workflow", "show", "--workflow-id", workflow_id, "--output", "json", *codec)
    assert history is not None
    return history


def first_input(history: str) -> Any:  # noqa: ANN401 - whatever the workflow was given
    attributes = json.loads(history)["events"][0]["workflowExecutionStartedEventAttributes"]
    (payload,) = attributes["input"]["payloads"]
    return payload


async def test_the_temporal_command_decodes_with_an_auditor_s_key(stack: Stack, number: str) -> None:
    await stack.quoted(outpatient_call(number))
    key = stack.embedded.person_key_files["auditor"].read_text(encoding="utf-8").strip()
    sealed = first_input(await shown(stack, number))
    assert "key-id" in sealed["metadata"]
    codec = ("--codec-endpoint", stack.embedded.codec_url, "--codec-auth", f"Bearer {key}")
    opened = first_input(await shown(stack, number, *codec))
    assert json.loads(base64.b64decode(opened["data"]))["order"]["id_no"] == ID_NO
    records = [record for record in await log_of(stack.api) if record.event == "codec:payload:decoded"]
    assert {record.who for record in records} == {("main", "auditor", "auditor")}


async def test_the_ui_is_told_where_the_codec_is_and_may_call_it(stack: Stack) -> None:
    async with stack.api.session.get(f"{stack.embedded.temporal_ui_url}/api/v1/settings") as response:
        settings = await response.json()
    assert settings["Codec"]["Endpoint"] == stack.embedded.codec_url
    asks = {"Origin": stack.embedded.temporal_ui_url, "Access-Control-Request-Method": "POST"}
    allowed = await stack.api.call("OPTIONS", "/codec/decode", key=None, headers=asks)
    assert allowed.headers["Access-Control-Allow-Origin"] == stack.embedded.temporal_ui_url
