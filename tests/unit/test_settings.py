"""The settings: defaults, `.env.example`, and wrong values told by the variable's name."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from security.environment import ELSEWHERE, NEVER_IN_DOT_ENV
from security.tls import TlsFiles
from settings import Settings, complaints, env_name, is_loopback
from tests.support.tls.authority import Authority

EXAMPLE = Path(__file__).parents[2] / ".env.example"


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for field in Settings.model_fields:
        monkeypatch.delenv(env_name(field), raising=False)


def _complaint(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as caught:
        Settings()
    return "\n".join(complaints(caught.value))


class TestExample:
    def test_it_lists_every_setting_and_nothing_else(self) -> None:
        listed = re.findall(r"^# (MEDPAY_\w+)=", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE)
        assert sorted(listed) == sorted(env_name(field) for field in Settings.model_fields)

    def test_it_shows_the_defaults(self) -> None:
        shown = dict(re.findall(r"^# (MEDPAY_\w+)=(.*)$", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE))
        defaults = {env_name(field): value for field, value in Settings().model_dump(mode="json").items()}
        without_default = {name for name, value in defaults.items() if value is None}
        assert {name: shown[name] for name in defaults.keys() - without_default} == {
            name: str(value) for name, value in defaults.items() if value is not None
        }

    def test_it_is_valid_as_it_stands_and_with_every_line_in_force(self, tmp_path: Path) -> None:
        text = EXAMPLE.read_text(encoding="utf-8").partition("# --- API ---")[2]
        (tmp_path / ".env").write_text(re.sub(r"^# (?=MEDPAY_)", "", text, flags=re.MULTILINE), encoding="utf-8")
        settings = Settings()
        assert settings.his_url == "http://127.0.0.1:8102"
        assert settings.model_copy(update={"his_url": None, "insurance_url": None}).model_dump() == (
            Settings(_env_file=None).model_dump()
        )

    def test_what_may_not_stand_in_the_file_has_a_section_of_its_own(self) -> None:
        section = EXAMPLE.read_text(encoding="utf-8").partition("# --- API ---")[0]
        assert set(re.findall(r"^# (MEDPAY_\w+)=", section, re.MULTILINE)) == NEVER_IN_DOT_ENV.keys() - ELSEWHERE


class TestValues:
    def test_the_environment_wins_over_the_file(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text("MEDPAY_API_PORT=9001\nMEDPAY_SYNC_WAIT_S=7\n", encoding="utf-8")
        monkeypatch.setenv("MEDPAY_API_PORT", "9002")
        settings = Settings()
        assert (settings.api_port, settings.sync_wait_s) == (9002, 7)
        assert {"api_port", "sync_wait_s"} == settings.model_fields_set

    def test_the_codec_s_page_is_the_embedded_ui_s_unless_another_is_named(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MEDPAY_TEMPORAL_UI_PORT", "9233")
        assert Settings().codec_page_origin == "http://127.0.0.1:9233"
        monkeypatch.setenv("MEDPAY_CODEC_ORIGIN", "https://Temporal.hospital.example/")
        assert Settings().codec_page_origin == "https://temporal.hospital.example"

    def test_an_empty_variable_is_not_set(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MEDPAY_API_PORT", "")
        assert Settings().api_port == 8000

    @pytest.mark.parametrize("mark", ["", "\ufeff"])
    @pytest.mark.parametrize("end", ["\n", "\r\n", " \t\r\n"])
    def test_the_file_as_any_editor_saves_it(self, tmp_path: Path, mark: str, end: str) -> None:
        lines = ("MEDPAY_API_PORT=9001", "MEDPAY_API_KEY='0123456789abcdef '", "MEDPAY_PRACTICE=true", "")
        (tmp_path / ".env").write_bytes((mark + end.join(lines)).encode())
        settings = Settings()
        assert (settings.api_port, settings.api_key, settings.practice) == (9001, "0123456789abcdef", True)

    @pytest.mark.parametrize("around", ["{}\r", "{}\n", " {} ", "\ufeff{}\r\n"])
    def test_a_variable_as_any_shell_sets_it(self, monkeypatch: pytest.MonkeyPatch, around: str) -> None:
        given = {"API_PORT": "9001", "API_KEY": "0123456789abcdef", "HIS_URL": "http://his:1", "DATA_DIR": "/data"}
        for name, value in given.items():
            monkeypatch.setenv(f"MEDPAY_{name}", around.format(value))
        settings = Settings()
        assert (settings.api_port, settings.api_key) == (9001, "0123456789abcdef")
        assert (settings.his_url, str(settings.data_dir)) == ("http://his:1", "/data")

    @pytest.mark.parametrize("value", ["\r", "\r\n", " ", "\ufeff"])
    def test_a_variable_of_blanks_is_not_set(self, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
        monkeypatch.setenv("MEDPAY_API_KEY", value)
        monkeypatch.setenv("MEDPAY_API_PORT", value)
        assert (Settings().api_key, Settings().api_port) == (None, 8000)

    @pytest.mark.parametrize(
        ("given", "used"),
        [
            ("postgresql://u:p%40w@h:5432/d", "postgresql+asyncpg://u:p%40w@h:5432/d"),
            ("postgres://h/d", "postgresql+asyncpg://h/d"),
            ("sqlite:////tmp/x.db", "sqlite:////tmp/x.db"),
            ("postgresql+asyncpg://h/d", "postgresql+asyncpg://h/d"),
        ],
    )
    def test_a_database_gets_its_asynchronous_driver(
        self, monkeypatch: pytest.MonkeyPatch, given: str, used: str
    ) -> None:
        monkeypatch.setenv("MEDPAY_DATABASE_URL", given)
        assert Settings().database == used

    def test_files_lie_in_the_data_folder_by_default(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MEDPAY_DATA_DIR", "/data")
        settings = Settings()
        assert settings.database == "sqlite:////data/medpay.db"
        assert str(settings.hospitals_path) == "/data/hospitals.toml"
        assert str(settings.keyring_path) == "/data/keyring.json"

    def test_the_address_of_temporal_splits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MEDPAY_TEMPORAL_ADDRESS", "[::1]:7000")
        settings = Settings()
        assert (settings.temporal_host, settings.temporal_port) == ("::1", 7000)


class TestComplaints:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("MEDPAY_API_PORT", "0"),
            ("MEDPAY_API_PORT", "http"),
            ("MEDPAY_PAYMENT_WINDOW_S", "0"),
            ("MEDPAY_SYNC_WAIT_S", "1.5"),
            ("MEDPAY_REVERSAL_WINDOW_S", "3601"),
            ("MEDPAY_HIS_TIMEOUT_S", "121"),
            ("MEDPAY_AUTH", "maybe"),
            ("MEDPAY_HOSPITAL", "Main"),
            ("MEDPAY_TEMPORAL_ADDRESS", "127.0.0.1"),
            ("MEDPAY_TEMPORAL_ADDRESS", "127.0.0.1:99999"),
            ("MEDPAY_TEMPORAL_NAMESPACE", "-x"),
            ("MEDPAY_INSURANCE_URL", "127.0.0.1:8101"),
            ("MEDPAY_HIS_URL", "ftp://his"),
            ("MEDPAY_LOG_LEVEL", "loud"),
            ("MEDPAY_CODEC_ORIGIN", "*"),
            ("MEDPAY_CODEC_ORIGIN", "http://127.0.0.1:8233/namespaces"),
            ("MEDPAY_API_KEY", "with space"),
            ("MEDPAY_RATE_LIMIT_PER_MINUTE", "-1"),
            ("MEDPAY_REFUSALS_PER_MINUTE", "many"),
            ("MEDPAY_REQUEST_TIMEOUT_S", "0"),
            ("MEDPAY_TRUSTED_PROXIES", "proxy.lan"),
            ("MEDPAY_TRUSTED_PROXIES", "10.0.0.1,"),
            ("MEDPAY_TRUSTED_PROXIES", "10.0.0.1/24"),
            ("MEDPAY_TRUSTED_PROXIES", "10.0.0.1, ::/0"),
            ("MEDPAY_TRUSTED_PROXIES", "*"),
            ("MEDPAY_TEMPORAL_UI_WRITES", "yes"),
            ("MEDPAY_METRICS_ACCESS", "closed"),
            ("MEDPAY_TEMPORAL_TLS", "perhaps"),
            ("MEDPAY_DATABASE_URL", "postgresql://h/d?sslmode=require"),
            ("MEDPAY_DATABASE_URL", "postgresql://h/d?ssl=true"),
            ("MEDPAY_API_TLS_CERT", "/nowhere.pem"),
            ("MEDPAY_API_TLS_KEY", "/nowhere.key"),
            ("MEDPAY_TEMPORAL_TLS_CA", "/nowhere.pem"),
            ("MEDPAY_TEMPORAL_TLS_KEY", "/nowhere.key"),
            ("MEDPAY_DATABASE_TLS_CA", "/nowhere.pem"),
        ],
    )
    def test_one_line_that_names_the_variable(self, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
        complaint = _complaint(monkeypatch, **{name: value})
        assert complaint.startswith(f"{name}: ")
        assert "\n" not in complaint

    def test_a_password_is_never_repeated(self, monkeypatch: pytest.MonkeyPatch) -> None:
        complaint = _complaint(monkeypatch, MEDPAY_DATABASE_URL="mysql://u:hunter2@h/d", MEDPAY_API_KEY="a\tb-hunter2")
        assert complaint.count("\n") == 1
        assert "hunter2" not in complaint


class TestTls:
    def test_is_off_by_default(self) -> None:
        settings = Settings()
        assert (settings.temporal_tls_files, settings.api_tls) == (None, None)

    def test_to_temporal_is_on_by_a_word_or_a_file(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("MEDPAY_TEMPORAL_TLS", "on")
        assert Settings().temporal_tls_files == TlsFiles()
        monkeypatch.setenv("MEDPAY_TEMPORAL_TLS", "off")
        monkeypatch.setenv("MEDPAY_TEMPORAL_TLS_CA", str(Authority(tmp_path).ca))
        assert Settings().temporal_tls_files == TlsFiles(ca=tmp_path / "authority.pem")

    def test_to_the_database_is_part_of_its_url_and_survives_a_child(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("MEDPAY_DATABASE_TLS_CA", str(Authority(tmp_path).ca))
        monkeypatch.setenv("MEDPAY_DATABASE_URL", "postgresql://u:p%3F@h/d?application_name=medpay")
        url = Settings().database
        assert url.startswith(
            "postgresql+asyncpg://u:p%3F@h/d?application_name=medpay&sslmode=verify-full&sslrootcert="
        )
        monkeypatch.setenv("MEDPAY_DATABASE_URL", url)
        assert Settings().database == url

    def test_to_sqlite_is_a_mistake(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        complaint = _complaint(monkeypatch, MEDPAY_DATABASE_TLS_CA=str(Authority(tmp_path).ca))
        assert complaint.startswith("MEDPAY_DATABASE_URL: ")

    def test_with_a_key_open_to_all_is_refused_by_its_name(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        ours = Authority(tmp_path).issue("ours")
        ours.key.chmod(0o644)
        complaint = _complaint(
            monkeypatch, MEDPAY_TEMPORAL_TLS_CERT=str(ours.cert), MEDPAY_TEMPORAL_TLS_KEY=str(ours.key)
        )
        assert complaint == f"MEDPAY_TEMPORAL_TLS_KEY: {ours.key} is open to everybody on this machine: chmod 600"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),  # noqa: S104 - told apart, not bound
        ("his.lan", False),
    ],
)
def test_loopback(host: str, *, expected: bool) -> None:
    assert is_loopback(host) is expected
