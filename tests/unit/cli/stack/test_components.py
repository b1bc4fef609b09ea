"""What the embedded stack gives to its components, and to whom it gives no keys."""

import os
from pathlib import Path
from typing import Any

import pytest

from cli.configuration import CommandError
from cli.stack import components
from cli.stack.child import Component
from cli.stack.embedded import _with_files
from cli.stack.temporal import TemporalCommand, hidden_ui, temporal_server, temporal_ui
from settings import Settings
from simulator.insurance.config import CentreConfig

SECRETS = {
    "MEDPAY_KEYRING": "keyring-of-ours",
    "MEDPAY_DATABASE_URL": "postgresql://u:password-of-ours@127.0.0.1/d",
    "MEDPAY_API_KEY": "key-of-ours-0123456789",
    "MEDPAY_REVIEW_KEY": "key-of-a-person",
    "WEST_CENTRE_SECRET": "named-by-the-hospitals-file",
    "PGPASSWORD": "password-of-the-driver",
    "TEMPORAL_ADDRESS": "elsewhere:7233",
}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    return Settings(_env_file=None, data_dir=tmp_path)


def strangers(settings: Settings) -> list[Component]:
    command = TemporalCommand("/bin/true", settings.temporal_address, "default")
    return [
        components.simulator(settings, "insurance", 1),
        components.simulator(settings, "his", 2),
        temporal_server(settings, command, settings.data_dir, "http://127.0.0.1:9/codec"),
        temporal_ui(settings, settings.data_dir),
    ]


def test_what_is_none_of_ours_gets_neither_settings_nor_secrets(settings: Settings) -> None:
    for component in strangers(settings):
        held = "\n".join([*component.env, *component.env.values(), *component.argv])
        assert [value for value in SECRETS.values() if value in held] == [], component.name
        assert [name for name in component.env if name.startswith(("MEDPAY_", "TEMPORAL_", "PG"))] == []
        assert component.env["PATH"] == os.environ["PATH"]


def test_a_simulator_needs_no_settings_to_start(settings: Settings) -> None:
    """Else it would read the `.env` of the folder where it stands."""
    for component in strangers(settings)[:2]:
        assert {"--database", "--port"} <= set(component.argv)
    assert "--config" in strangers(settings)[0].argv


def test_worker_and_api_get_all(settings: Settings) -> None:
    assert components.api(settings).env["MEDPAY_KEYRING"] == "keyring-of-ours"


def test_the_ui_is_hidden_elsewhere_at_each_start(tmp_path: Path) -> None:
    first = hidden_ui(tmp_path)
    assert hidden_ui(tmp_path) == first
    assert hidden_ui(tmp_path, anew=True) != first
    assert first.host.startswith("127.")


class TestPracticeKeys:
    @pytest.mark.parametrize(
        "far",
        [
            {"his_url": "http://his.example.cn"},
            {"insurance_url": "https://centre.example.cn"},
            {"api_host": "0.0.0.0"},  # noqa: S104 - refused, which is the point
            {"database_url": "postgresql://u:p@db.example.cn/d"},
        ],
    )
    def test_of_medpay_up_are_refused_as_soon_as_one_party_is_elsewhere(
        self, tmp_path: Path, far: dict[str, Any]
    ) -> None:
        with pytest.raises(CommandError, match="for practice"):
            _with_files(Settings(_env_file=None, data_dir=tmp_path, **far), tmp_path, print)
        _with_files(Settings(_env_file=None, data_dir=tmp_path, practice=True, **far), tmp_path, print)

    def test_here_they_do(self, tmp_path: Path) -> None:
        assert not _with_files(Settings(_env_file=None, data_dir=tmp_path), tmp_path, print).practice


@pytest.mark.parametrize("url", ["https://centre.example.cn", "http://127.0.0.1:8101"])
def test_a_simulator_gets_no_secret_of_a_real_centre(tmp_path: Path, url: str) -> None:
    made = _with_files(Settings(_env_file=None, data_dir=tmp_path, practice=True), tmp_path, print).hospitals_path
    own = tmp_path / "own.toml"
    text = made.read_text(encoding="utf-8").replace("http://127.0.0.1:8101", url)
    own.write_text(text.replace("file:main.app-secret", "secret-of-the-centre"), encoding="utf-8")
    _with_files(Settings(_env_file=None, data_dir=tmp_path, practice=True, hospitals_file=own), tmp_path, print)
    file = (tmp_path / "simulator-insurance.json").read_text(encoding="utf-8")
    is_its_own = CentreConfig.model_validate_json(file).app_secret == "secret-of-the-centre"
    assert is_its_own is url.startswith("http://127.")
