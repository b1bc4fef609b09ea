"""MEDPAY_API_KEY where others reach the API: not one that can be guessed, and none that was made to practise with."""

from typing import Any

import pytest

from api.access.keys import Callers, UnsafeSettingsError
from hospitals import Hospital
from security.keys.practice import practice_text
from settings import Settings

NOBODY: dict[str, Hospital] = {}
OPEN = {"api_host": "0.0.0.0"}  # noqa: S104 - the case


def weakness(**settings: Any) -> str | None:
    return Settings(_env_file=None, **settings).weak_api_key


def test_on_loopback_any_key_will_do() -> None:
    assert weakness(api_key="test-key") is None
    assert weakness(api_key=practice_text()) is None


@pytest.mark.parametrize(("length", "short"), [(1, True), (15, True), (16, False), (43, False)])
def test_a_short_one_is_refused_before_others(length: int, short: bool) -> None:  # noqa: FBT001 - a case
    told = weakness(api_key="k" * length, **OPEN)
    assert (told is not None and told.startswith("MEDPAY_API_KEY: has less than 16 characters")) is short


def test_a_short_one_is_refused_also_to_practise_with() -> None:
    assert weakness(api_key="test-key", practice=True, **OPEN)


def test_one_for_practice_is_refused_but_where_one_practises() -> None:
    key = practice_text()
    assert weakness(api_key=key, **OPEN) == "MEDPAY_API_KEY: is a key for practice, and 0.0.0.0 is not loopback"
    assert weakness(api_key=key, practice=True, **OPEN) is None


def test_an_open_api_has_no_key_to_judge() -> None:
    assert weakness(api_key="test-key", auth="none", **OPEN) is None


def test_the_api_does_not_start_with_it() -> None:
    with pytest.raises(UnsafeSettingsError, match="less than 16 characters"):
        Callers(Settings(_env_file=None, api_key="test-key", **OPEN), NOBODY)  # type: ignore[arg-type]  # any setting
