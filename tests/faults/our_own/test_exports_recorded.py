"""An export of a history is recorded with who took it; the log that tells so is whole."""

import json
from pathlib import Path
from typing import Any

from domain.ids import payment_workflow_id
from tests.support.stack.medpay_up import medpay_environment, run_medpay
from tests.support.stack.running import Stack, outpatient_call


async def test_an_export_is_recorded_and_the_chain_holds(stack: Stack, number: str, tmp_path: Path) -> None:
    await stack.quoted(outpatient_call(number))
    settings = stack.embedded.settings
    environment = medpay_environment(
        settings.data_dir, MEDPAY_TEMPORAL_ADDRESS=settings.temporal_address, MEDPAY_DATABASE_URL=settings.database
    )

    async def medpay(*arguments: str) -> Any:  # noqa: ANN401 - JSON
        code, output, errors = await run_medpay(*arguments, cwd=tmp_path, environment=environment)
        assert (code, errors) == (0, "")
        return json.loads(output)

    history = await medpay("audit", "export", "--payment", number)
    assert history["events"]
    (record,) = await medpay("audit", "access", "--payment", number, "--json")
    assert (record["event"], record["role"]) == ("cli:history:exported", "os-user")
    assert record["subject"] == payment_workflow_id("main", number)
    assert (await medpay("audit", "verify", "--json"))["pass"] is True
