"""Keys, roles and the settings under which the API refuses to start."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import structlog

from api.auth import (
    Caller,
    Callers,
    Role,
    UnsafeSettingsError,
    paying_caller,
    rechecking_caller,
    withdrawing_caller,
)
from api.terms import payment_terms
from domain.errors import ErrorCode, PaymentError
from domain.orders import Registers
from hospitals import Hospital, load_hospitals
from settings import Settings
from tests.support.api_server import KEY, KEYS, hospitals_toml


@pytest.fixture
def hospitals(tmp_path: Path) -> dict[str, Hospital]:
    path = tmp_path / "hospitals.toml"
    path.write_text(hospitals_toml(), encoding="utf-8")
    return dict(load_hospitals(path))


def settings(**changes: Any) -> Settings:  # noqa: ANN401 - any setting
    return Settings(_env_file=None, **changes)


def without_keys(hospitals: dict[str, Hospital]) -> dict[str, Hospital]:
    return {name: hospital.model_copy(update={"keys": ()}) for name, hospital in hospitals.items()}


class TestWho:
    def test_the_settings_key_is_a_caller_of_its_hospital(self, hospitals: dict[str, Hospital]) -> None:
        caller = Callers(settings(api_key=KEY, hospital="west"), hospitals).who(KEY)
        assert (caller.hospital.id, caller.role, caller.key_name) == ("west", Role.CALLER, "MEDPAY_API_KEY")

    def test_a_file_key_is_its_hospital_s_and_role_s(self, hospitals: dict[str, Hospital]) -> None:
        callers = Callers(settings(api_key=KEY), hospitals)
        assert (callers.who(KEYS["west"]).hospital.id, callers.who(KEYS["west"]).role) == ("west", Role.CALLER)
        assert callers.who(KEYS["auditor"]).role is Role.AUDITOR

    @pytest.mark.parametrize("token", [None, "", "wrong", KEY + "x", "\udcff", "钥匙"])
    def test_anything_else_is_nobody(self, hospitals: dict[str, Hospital], token: str | None) -> None:
        with pytest.raises(PaymentError) as refused:
            Callers(settings(api_key=KEY), hospitals).who(token)
        assert refused.value.code is ErrorCode.UNAUTHORIZED


class TestRoles:
    @pytest.mark.parametrize(
        ("needed", "allowed"),
        [
            (paying_caller, {Role.CALLER}),
            (withdrawing_caller, {Role.CALLER, Role.OPERATOR}),
            (rechecking_caller, {Role.OPERATOR, Role.APPROVER}),
        ],
    )
    async def test_open_what_they_are_for(
        self, hospitals: dict[str, Hospital], needed: Callable[[Caller], Awaitable[Caller]], allowed: set[Role]
    ) -> None:
        for role in Role:
            caller = Caller(hospitals["main"], "somebody", role)
            if role in allowed:
                assert await needed(caller) is caller
            else:
                with pytest.raises(PaymentError, match="FORBIDDEN"):
                    await needed(caller)


class TestUnsafeSettings:
    def test_no_key_and_open_to_others_refuses_to_start(self, hospitals: dict[str, Hospital]) -> None:
        bare = without_keys(hospitals)
        with pytest.raises(UnsafeSettingsError, match="MEDPAY_API_KEY"):
            Callers(settings(api_host="0.0.0.0"), bare)  # noqa: S104 - the case
        with pytest.raises(PaymentError, match="UNAUTHORIZED"):
            Callers(settings(api_host="127.0.0.1"), bare).who("anything")
        assert Callers(settings(api_host="0.0.0.0"), hospitals).who(KEYS["west"])  # noqa: S104 - the case

    def test_running_open_is_warned_of(self, hospitals: dict[str, Hospital]) -> None:
        with structlog.testing.capture_logs() as logs:
            callers = Callers(settings(auth="none"), hospitals)
        assert [(line["event"], line["log_level"]) for line in logs] == [("api_open", "warning")]
        assert callers.who(None).hospital.id == "main"

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
    assert payment_terms(settings(his_timeout_s=30), west).call_timeout_s == 30
    assert payment_terms(settings(his_timeout_s=30), west).his_timeout_s == 30
