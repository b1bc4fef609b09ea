"""`.env` as people write it, and names in it and in the environment that nothing reads."""

import re
from pathlib import Path

import pytest

from security.environment import ELSEWHERE, dot_env_text, unread_in, unread_in_dot_env, variable
from settings import Settings, env_name

ROOT = Path(__file__).parents[3]
READ = {env_name(field) for field in Settings.model_fields} | {"MEDPAY_REVIEW_KEY", "MEDPAY_WEST_SECRET"}


@pytest.fixture(autouse=True)
def _in_a_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


class TestVariable:
    @pytest.mark.parametrize("content", [b"A_KEY=s e\n", b"\xef\xbb\xbfA_KEY=s e\r\nB=1\r\n", b'export A_KEY=" s e "'])
    def test_from_dot_env_without_mark_and_line_end(self, content: bytes) -> None:
        Path(".env").write_bytes(content)
        assert variable("A_KEY") == "s e"

    @pytest.mark.parametrize("value", ["s e", "s e\r", "\ufeffs e\n", "  s e "])
    def test_from_the_environment_first(self, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
        Path(".env").write_text("A_KEY=other", encoding="utf-8")
        monkeypatch.setenv("A_KEY", value)
        assert variable("A_KEY") == "s e"

    def test_from_nowhere_it_is_empty(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("A_KEY", "\r\n")
        assert variable("A_KEY") == ""

    @pytest.mark.parametrize(
        ("content", "likeness"), [("A_KEY=密".encode("gbk"), "GBK"), ("A_KEY=1".encode("utf-16"), "UTF-16")]
    )
    def test_a_file_in_another_encoding_is_named(self, content: bytes, likeness: str) -> None:
        Path(".env").write_bytes(content)
        with pytest.raises(ValueError, match=likeness):
            dot_env_text()


class TestUnreadNames:
    @pytest.mark.parametrize(
        ("name", "near"),
        [
            ("MEDPAY_API_PROT", "MEDPAY_API_PORT"),
            ("MEDPAY_APIPORT", "MEDPAY_API_PORT"),
            ("MEDPAY_PORT", "MEDPAY_API_PORT"),
            ("MEDPAY_DATABSE_URL", "MEDPAY_DATABASE_URL"),
            ("MEDPAY_DB_URL", "MEDPAY_DATABASE_URL"),
            ("MEDPAY_PAYMENT_WINDOW", "MEDPAY_PAYMENT_WINDOW_S"),
            ("MEDPAY_HOSPITAL_FILE", "MEDPAY_HOSPITALS_FILE"),
            ("MEDPAY_KEYRINGFILE", "MEDPAY_KEYRING_FILE"),
            ("MEDPAY_REVERSAL_WINDOW_MS", "MEDPAY_REVERSAL_WINDOW_S"),
            ("medpay_api_prot", "MEDPAY_API_PORT"),
            ("MEDPY_API_PORT", "MEDPAY_API_PORT"),
            ("MED_PAY_API_KEY", "MEDPAY_API_KEY"),
            ("MEDPAY_WEST_SECERT", "MEDPAY_WEST_SECRET"),
        ],
    )
    def test_are_named_with_the_name_that_is_near(self, name: str, near: str) -> None:
        assert unread_in({name: "1"}, READ) == [f"{name}: there is no such setting; is {near} meant?"]

    @pytest.mark.parametrize("name", ["MEDPAY_ZZZ", "MEDPAY_", "MEDPAY_COLOUR"])
    def test_without_one_that_is_near(self, name: str) -> None:
        assert unread_in({name: "1"}, READ) == [f"{name}: there is no such setting"]

    @pytest.mark.parametrize(
        "name",
        [
            "MEDPAY_API_PORT",
            "medpay_api_port",
            "MEDPAY_REVIEW_KEY",
            "MEDPAY_WEST_SECRET",
            "PATH",
            "API_PORT",
            "TEMPORAL_ADDRESS",
            "TEMPORAL_NAMESPACE",
            "TEMPORAL_TLS_CERT",
            "TEMPORAL_DATABASE_PASSWORD",
            "DATABASE_URL",
            "POSTGRES_PASSWORD",
            "MEDPLUS_API_URL",
        ],
    )
    def test_others_names_and_right_ones_are_left_alone(self, name: str) -> None:
        assert unread_in({name: "1"}, READ) == []

    def test_in_dot_env_with_their_line(self) -> None:
        text = (
            "# MEDPAY_API_PROT=1\n\nMEDPAY_API_PORT=9001\r\n"
            "export MEDPAY_API_PROT = 1\n  MEDPAY_SYNC_WAIT=7\nMEDPAY_TEMPORAL\nOTHER=MEDPAY_API_PROT\n"
        )
        assert unread_in_dot_env(text, READ) == [
            ".env:4: MEDPAY_API_PROT: there is no such setting; is MEDPAY_API_PORT meant?",
            ".env:5: MEDPAY_SYNC_WAIT: there is no such setting; is MEDPAY_SYNC_WAIT_S meant?",
            ".env:6: MEDPAY_TEMPORAL: there is no such setting; is MEDPAY_TEMPORAL_TLS meant?",
        ]


class TestWhatTheProjectItselfReads:
    def test_docker_compose_and_its_example_use_no_unread_name(self) -> None:
        """They share `.env` with us, so their names must be known."""
        known = ELSEWHERE | {env_name(field) for field in Settings.model_fields}
        for file in ("docker-compose.yml", "deploy/env.example", ".env.example"):
            names = set(re.findall(r"\bMEDPAY_[A-Z0-9_]+", (ROOT / file).read_text(encoding="utf-8")))
            assert names <= known, file
