"""Both READMEs: every setting with its default, every profile field, links and commands that exist."""

import re
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from cli.main import build
from domain.states import PaymentState
from hospitals.tables import CentreTable
from settings import Settings, env_name
from workflows.search_attributes import ALL

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", ROOT / "README.zh-CN.md"]
readmes = pytest.mark.parametrize("text", [page.read_text(encoding="utf-8") for page in PAGES], ids=["en", "zh"])
MADE_BY_UP = {
    "api_key",
    "codec_origin",
    "temporal_cli",
    "database_url",
    "hospitals_file",
    "keyring_file",
    "keyring",  # instead of the file before it
    "insurance_url",
    "his_url",
}
NOBODY_S = {"trusted_proxies"}
"""Without a default: nobody is believed."""

FILES_OF_TLS = {name for name in Settings.model_fields if "_tls_" in name}
"""Without a default: TLS is off, or without them."""


def _commands() -> list[str]:
    """Every command with its group, as it is typed after `medpay`."""
    group = get_command(build([]))
    assert isinstance(group, TyperGroup)
    names = []
    for name, command in group.commands.items():
        within = command.commands if isinstance(command, TyperGroup) else {}
        names += [f"{name} {inner}" for inner in within] or [name]
    return names


@readmes
class TestTables:
    def test_every_setting_is_there_once_with_its_default(self, text: str) -> None:
        rows = re.findall(r"^\| `(MEDPAY_\w+)` \| (.+?) \|", text, re.MULTILINE)
        fields = Settings.model_fields
        assert sorted(name for name, _ in rows) == sorted(env_name(field) for field in fields)
        shown = dict(rows)
        for name, field in fields.items():
            if name not in MADE_BY_UP | FILES_OF_TLS | NOBODY_S:
                assert shown[env_name(name)] == f"`{field.default}`"

    def test_what_has_no_default_is_what_up_makes(self, text: str) -> None:
        assert {name for name, field in Settings.model_fields.items() if field.default is None} == (
            MADE_BY_UP | FILES_OF_TLS | NOBODY_S
        )
        assert all(env_name(name) in text for name in MADE_BY_UP)

    def test_every_profile_field_is_there_with_its_default(self, text: str) -> None:
        for name, field in CentreTable.model_fields.items():
            assert f"`{name}`" in text or f"\n{name} = " in text, name
            if isinstance(field.default, str):
                assert f"| `{name}` | `{field.default}` |" in text

    def test_every_state_and_search_attribute_is_named(self, text: str) -> None:
        assert [state for state in PaymentState if state not in text] == []
        assert [key.name for key in ALL if f"`{key.name}`" not in text] == []


@readmes
class TestWhatItPointsTo:
    def test_every_link_leads_to_a_file(self, text: str) -> None:
        targets = re.findall(r"\]\((?!http)([^)#]+)", text)
        assert len(targets) > 5
        assert [target for target in targets if not (ROOT / target).exists()] == []

    def test_every_make_target_exists(self, text: str) -> None:
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        targets = set(re.findall(r"`make (\w+)`", text))
        assert {"demo", "up", "test"} <= targets
        assert [target for target in targets if f"\n{target}:" not in makefile] == []

    def test_the_table_of_commands_is_complete(self, text: str) -> None:
        table = text[text.index("| `medpay …` |") :].split("\n\n", maxsplit=1)[0]
        assert set(re.findall(r"`([a-z -]+)`(?=[^|]*\|[^|]*\|$)", table, re.MULTILINE)) == set(_commands())


def test_both_languages_show_the_same_calls_and_answers() -> None:
    answers = [
        re.findall(r"^\{.*\}$|-d '.*$|^curl .*$", page.read_text(encoding="utf-8"), re.MULTILINE) for page in PAGES
    ]
    assert answers[0] == answers[1]
    assert len(answers[0]) > 5


def test_links_between_documents_lead_to_files() -> None:
    pages = list((ROOT / "docs").rglob("*.md"))
    links = [
        (page, target) for page in pages for target in re.findall(r"\]\((?!http|#)([^)#]+)", page.read_text("utf-8"))
    ]
    assert links
    assert [(page.name, target) for page, target in links if not (page.parent / target).exists()] == []
