"""docs/open-answers.md against the code: each way names a test that is there, and no open answer is left out."""

import re
from pathlib import Path

import pytest

from api.web.errors import STATUS, headers_of
from domain.errors import PaymentError

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "open-answers.md").read_text(encoding="utf-8")
OPEN = frozenset({202, 429, 503})
TESTS = {file.name for file in (ROOT / "tests").rglob("test_*.py")}


def ways(status: int) -> list[list[str]]:
    """The rows of a status: its interfaces, the way, and what else there is."""
    section = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    (own,) = [part for part in section if part.startswith(f"{status}\n")]
    rows = [line.strip("|").split("|") for line in own.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row] for row in rows[1:]]


@pytest.mark.parametrize("status", sorted(OPEN))
def test_each_way_is_held_by_a_test(status: int) -> None:
    assert ways(status)
    for row in ways(status):
        named = re.findall(r"test_\w+\.py", row[-1])
        assert named, row
        assert set(named) <= TESTS, row


def test_each_open_answer_says_when_to_call_again() -> None:
    codes = {code for code, status in STATUS.items() if status in OPEN}
    assert {STATUS[code] for code in codes} == OPEN
    for code in codes:
        assert f"`{code.value}`" in PAGE
        assert int(headers_of(PaymentError(code, ""))["Retry-After"]) > 0


def test_both_readmes_lead_to_it() -> None:
    for readme in ("README.md", "README.zh-CN.md"):
        assert "(docs/open-answers.md)" in (ROOT / readme).read_text(encoding="utf-8")
