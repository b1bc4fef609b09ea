"""`medpay demo` for real, and what it must not depend on or touch; then the auditor's tools on what it left."""

import re
from pathlib import Path

from cli.demo.stories import SCENARIOS
from tests.support.stack.medpay_up import medpay_environment, run_medpay


async def test_every_story_ends_as_it_should(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MEDPAY_DATABASE_URL=postgresql://nobody@127.0.0.1:1/real\n", encoding="utf-8")
    environment = medpay_environment(
        tmp_path / "data", MEDPAY_HOSPITALS_FILE="/a/real/one.toml", MEDPAY_PAYMENT_WINDOW_S="nonsense"
    )
    code, output, errors = await run_medpay("demo", cwd=tmp_path, environment=environment)
    assert (code, errors) == (0, "")
    assert "11 of 11 ended as they should" in output
    states = re.findall(r"│ ([A-Z]+) +│ [0-9]", output)
    assert states == [scenario.expected for scenario in SCENARIOS]
    assert re.search(r"http://127\.0\.0\.1:\d+/namespaces/default/workflows/payment-main-demo-outpatient\b", output)
    assert not (tmp_path / "data").exists()
