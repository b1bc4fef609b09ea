"""`medpay demo` for real, and what it must not depend on or touch; then the auditor's tools on what it left."""

import re
from pathlib import Path

from tests.support.medpay_up import medpay_environment, run_medpay


async def test_six_payments_end_as_they_should(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MEDPAY_DATABASE_URL=postgresql://nobody@127.0.0.1:1/real\n", encoding="utf-8")
    environment = medpay_environment(
        tmp_path / "data", MEDPAY_HOSPITALS_FILE="/a/real/one.toml", MEDPAY_PAYMENT_WINDOW_S="nonsense"
    )
    code, output, errors = await run_medpay("demo", cwd=tmp_path, environment=environment)
    assert (code, errors) == (0, "")
    assert "6 of 6 ended as they should" in output
    states = re.findall(r"│ (SETTLED|REJECTED|REVERSED) +│", output)
    assert states == ["SETTLED", "SETTLED", "SETTLED", "REJECTED", "REVERSED", "SETTLED"]
    assert re.search(r"http://127\.0\.0\.1:\d+/namespaces/default/workflows/payment-main-demo-outpatient\b", output)
    assert not (tmp_path / "data").exists()
