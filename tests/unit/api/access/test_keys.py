"""Keys, roles and the settings under which the API refuses to start."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog

from api.access.keys import Callers, UnsafeSettingsError
from api.access.refusals import AccessRefused, Holder, Reason
from api.access.rights import RULES, Right
from domain.errors import ErrorCode, PaymentError
from domain.orders import Registers
from hospitals import Hospital, Role, load_hospitals
from hospitals.terms import PAID_SHOWN_AFTER_MS, payment_terms
from settings import Settings
from tests.support.stack.api_server import KEY, KEYS, hospitals_toml

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def hospitals(tmp_path: Path) -> dict[str, Hospital]:
    path = tmp_path / "hospitals.toml"
    path.write_text(hospitals_toml(), encoding="utf-8")
    return dict(load_hospitals(path))


def settings(**changes: Any) -> Settings:
    return Settings(_env_file=None, **changes)


def without_keys(hospitals: dict[str, Hospital]) -> dict[str, Hospital]:
    return {name: hospital.model_copy(update={"keys": ()}) for name, hospital in hospitals.items()}


class TestWho:
    def test_the_settings_key_is_a_caller_of_its_hospital(self, hospitals: dict[str, Hospital]) -> None:
        caller = Callers(settings(api_key=KEY, hospital="west"), hospitals).who(KEY, NOW)
        assert (caller.hospital.id, caller.role, caller.key_name) == ("west", Role.CALLER, "MEDPAY_API_KEY")

    def test_a_file_key_is_its_hospital_s_and_role_s(self, hospitals: dict[str, Hospital]) -> None:
        callers = Callers(settings(api_key=KEY), hospitals)
        assert (callers.who(KEYS["west"], NOW).hospital.id, callers.who(KEYS["west"], NOW).role) == (
            "west",
            Role.CALLER,
        )
        assert callers.who(KEYS["auditor"], NOW).role is Role.AUDITOR

    @pytest.mark.parametrize("token", [None, "", "wrong", KEY + "x", "\udcff", "钥匙"])
    def test_anything_else_is_nobody(self, hospitals: dict[str, Hospital], token: str | None) -> None:
        with pytest.raises(PaymentError) as refused:
            Callers(settings(api_key=KEY), hospitals).who(token, NOW)
        assert refused.value.code is ErrorCode.UNAUTHORIZED


class TestExpiry:
    """2026-12-31 is the last day on which it opens, in China."""

    @pytest.mark.parametrize(("now", "opens"), [("2026-12-31T15:59:59Z", True), ("2026-12-31T16:00:00Z", False)])
    def test_is_at_the_day_s_begin_in_china(self, hospitals: dict[str, Hospital], now: str, *, opens: bool) -> None:
        west = hospitals["west"]
        keys = (west.keys[0].model_copy(update={"expires": date(2027, 1, 1)}),)
        callers = Callers(settings(), {"west": west.model_copy(update={"keys": keys})})
        if opens:
            assert callers.who(KEYS["west"], datetime.fromisoformat(now)).hospital.id == "west"
            return
        with pytest.raises(AccessRefused) as refused:
            callers.who(KEYS["west"], datetime.fromisoformat(now))
        assert (refused.value.reason, refused.value.code) == (Reason.EXPIRED_KEY, ErrorCode.UNAUTHORIZED)
        assert refused.value.holder == Holder("west", "west-key", Role.CALLER.value)

    def test_is_warned_of_at_the_start(self, hospitals: dict[str, Hospital]) -> None:
        with structlog.testing.capture_logs() as logs:
            Callers(settings(api_key=KEY), hospitals).warn_of_expiry(NOW)
        assert [(line["event"], line["key_name"]) for line in logs] == [("key_expires", "expired-key")]


def test_every_right_is_somebody_s_and_has_its_words() -> None:
    assert set(RULES) == set(Right)
    assert all(rule.roles and rule.refusal for rule in RULES.values())


class TestUnsafeSettings:
    def test_no_key_and_open_to_others_refuses_to_start(self, hospitals: dict[str, Hospital]) -> None:
        bare = without_keys(hospitals)
        with pytest.raises(UnsafeSettingsError, match="MEDPAY_API_KEY"):
            Callers(settings(api_host="0.0.0.0"), bare)  # noqa: S104 - the case
        with pytest.raises(PaymentError, match="UNAUTHORIZED"):
            Callers(settings(api_host="127.0.0.1"), bare).who("anything", NOW)
        assert Callers(settings(api_host="0.0.0.0"), hospitals).who(KEYS["west"], NOW)  # noqa: S104 - the case

    def test_running_open_is_warned_of(self, hospitals: dict[str, Hospital]) -> None:
        with structlog.testing.capture_logs() as logs:
            callers = Callers(settings(auth="none"), hospitals)
        assert [(line["event"], line["log_level"]) for line in logs] == [("api_open", "warning")]
        assert callers.who(None, NOW).hospital.id == "main"

    def test_an_unknown_own_hospital_refuses_to_start(self, hospitals: dict[str, Hospital]) -> None:
        with pytest.raises(UnsafeSettingsError, match="MEDPAY_HOSPITAL"):
            Callers(settings(api_key=KEY, hospital="east"), hospitals)

    def test_one_key_for_two_callers_refuses_to_start(self, hospitals: dict[str, Hospital]) -> None:
        with pytest.raises(UnsafeSettingsError, match="twice"):
            Callers(settings(api_key=KEYS["west"]), hospitals)


def test_a_payment_s_terms_are_the_settings_and_the_hospital_s(hospitals: dict[str, Hospital]) -> None:
    west = hospitals["west"]
    slow = west.model_copy(update={"centre": west.centre.model_copy(update={"timeouts_s": {"6202": 41.5}})})
    terms = payment_terms(settings(payment_window_s=60), slow)
    assert (terms.payment_window_s, terms.registers, terms.call_timeout_s) == (60, Registers.CALLER, 42)
    assert (terms.payable_s, terms.centre_account) == (60 + terms.pre_settle_budget_s, west.account)
    assert payment_terms(settings(his_timeout_s=30), west).call_timeout_s == 30
    assert payment_terms(settings(his_timeout_s=30), west).his_timeout_s == 30
    # Missing, it would mean: a payment that began before.
    assert terms.paid_shown_after_ms == PAID_SHOWN_AFTER_MS > 0
