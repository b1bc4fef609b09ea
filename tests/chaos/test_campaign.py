"""A small campaign on every `make test`; the long ones are `make chaos`."""

from pathlib import Path

import pytest

from tests.chaos.campaign import Asked, run

SEED = 7
HURRY = {"payment_window_s": 6, "auto_finish_after_s": 2, "pre_settle_budget_s": 20, "his_retry_budget_s": 8}


async def test_what_callers_were_told_is_so_whatever_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEDPAY_DATABASE_URL", raising=False)
    asked = Asked(SEED, payments=12, kills=2, database="sqlite", minutes=0.1, changes=HURRY)

    result = await run(asked, tmp_path)

    assert [violation.what for violation in result.violations] == []
    assert result.payments == 12
    assert sum(result.endings.values()) == 12
    assert result.calls > 2 * 12
    assert sum(result.strikes.values()) + result.strikes_left_out >= 2
    assert result.webhooks > 0
