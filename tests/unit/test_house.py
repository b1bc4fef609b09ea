"""The measures of the house, where they are numbers: how large a room may be, and what may not be said in it."""

import ast
import re
import statistics
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = [
    "activities",
    "api",
    "cli",
    "domain",
    "gateways",
    "hospitals",
    "security",
    "simulator",
    "storage",
    "workflows",
]
FILES = sorted(
    [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")] + [ROOT / "settings.py", ROOT / "worker.py"]
)
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in FILES}
TESTS = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "tests").rglob("*.py"))
}
LINES = {name: text.count("\n") for name, text in TEXTS.items() if not name.endswith("__init__.py")}

NOT_OUR_WORDS = re.compile(
    r"(?<![A-Za-z])(?i:claim|desk|ledger)(?!top)|(?<=[a-z])(?:Claim|Desk|Ledger)(?!top)|want_none"
)
"""A claim is a reimbursement and a ledger is double entry in this field; a desk is a service, or an inbox."""

SAID_ALL_THE_SAME = {"tests/unit/test_house.py": "the list of these words"}
"""Files that must use such a word, each with the reason."""


def functions() -> Iterator[tuple[str, int]]:
    """Where each function is, and its lines without decorators."""
    for name, text in TEXTS.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{name}:{node.lineno} {node.name}", (node.end_lineno or node.lineno) - node.lineno + 1


PROGRESS = {"workflows/payment/progress.py": "Progress", "workflows/refund/progress.py": "RefundProgress"}
"""The facts of a payment and of a refund: the module that changes them, and the class."""


def facts_of_progress() -> set[str]:
    """The names of all attributes that both classes keep."""
    classes = (
        node
        for name, kept in PROGRESS.items()
        for node in ast.parse(TEXTS[name]).body
        if isinstance(node, ast.ClassDef) and node.name == kept
    )
    return {
        node.attr
        for one in classes
        for node in ast.walk(one)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self"
    }


def set_from_outside(text: str, facts: set[str]) -> set[str]:
    """What a module sets of somebody's progress: through a name that says so, or by an alias, told by the fact."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            owner = ast.unparse(node.value)
            if "progress" in owner.lower() or (owner != "self" and node.attr in facts):
                found.add(ast.unparse(node))
        elif isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
            if "progress." in ast.unparse(node.value).lower():
                found.add(ast.unparse(node))
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in {
            "setattr",
            "delattr",
            "vars",
            "object.__setattr__",
        }:
            found.add(ast.unparse(node))
    return found


class TestSizes:
    @pytest.mark.parametrize("folder", [*FOLDERS, "tests"])
    def test_no_folder_has_more_than_sixteen_files(self, folder: str) -> None:
        held = Counter(name.rpartition("/")[0] for name in TEXTS | TESTS if name.startswith(f"{folder}/"))
        assert {name: count for name, count in held.items() if count > 16} == {}

    def test_no_file_has_more_than_400_lines(self) -> None:
        assert {name: count for name, count in LINES.items() if count > 400} == {}

    def test_half_of_the_files_have_at_most_120_lines(self) -> None:
        assert statistics.median(LINES.values()) <= 120

    def test_at_most_a_tenth_of_the_files_has_less_than_40_lines(self) -> None:
        small = sorted(name for name, count in LINES.items() if count < 40)
        assert len(small) <= len(LINES) / 10, small

    def test_no_function_has_more_than_60_lines(self) -> None:
        assert {where: count for where, count in functions() if count > 60} == {}

    def test_half_of_the_functions_have_at_most_10_lines(self) -> None:
        assert statistics.median(count for _, count in functions()) <= 10


class TestWords:
    def test_at_most_50_rules_are_silenced_each_with_a_reason(self) -> None:
        silenced = [f"{name}: {line}" for name, text in TEXTS.items() for line in text.split("\n") if "noqa" in line]
        assert [line for line in silenced if not re.search(r"# noqa: [A-Z]+[0-9]+(, [A-Z]+[0-9]+)* - \S", line)] == []
        assert len(silenced) <= 50, silenced

    def test_nothing_has_the_name_of_a_module_of_the_standard_library(self) -> None:
        folders = {part for name in TEXTS for part in name.split("/")[:-1]}
        assert (folders | {"settings", "worker"}) & sys.stdlib_module_names == set()

    @pytest.mark.parametrize("folder", [*FOLDERS, "tests", "settings.py", "worker.py"])
    def test_no_word_is_used_that_means_something_else_in_this_field(self, folder: str) -> None:
        said = {
            f"{name}:{number}: {line.strip()}"
            for name, text in (TEXTS | TESTS).items()
            if name.split("/")[0] == folder and name not in SAID_ALL_THE_SAME
            for number, line in enumerate(text.split("\n"), start=1)
            if NOT_OUR_WORDS.search(line)
        }
        assert said == set()


class TestProgress:
    """What a payment or a refund knows is changed by intent, `progress.settled(…)`, where its rules stand."""

    def test_no_fact_is_set_from_outside(self) -> None:
        facts = facts_of_progress()
        assert {"state", "end", "settlement", "_reserved"} <= facts
        outside = {name: text for name, text in TEXTS.items() if name.startswith("workflows/") and name not in PROGRESS}
        found = {name: set_from_outside(text, facts) for name, text in outside.items()}
        assert {name: which for name, which in found.items() if which} == {}

    @pytest.mark.parametrize(
        "line",
        [
            "progress.end = end",
            "self._progress.visit_id = None",
            "self._case.progress.sends += 1",
            "progress.end, other = end, 1",
            "progress.state: PaymentState = state",
            "del progress.end",
            "for progress.end in ends: pass",
            "with opened() as self._progress.end: pass",
            "progress.facts['end'] = end",
            "setattr(progress, 'end', end)",
            "owner.end = end",
        ],
    )
    def test_a_fact_that_is_set_is_found(self, line: str) -> None:
        assert set_from_outside(line, {"end"}) != set()

    @pytest.mark.parametrize(
        "line", ["self._progress = progress", "progress.settled(end)", "ticket.answer = progress.end"]
    )
    def test_what_only_reads_is_not(self, line: str) -> None:
        assert set_from_outside(line, {"end"}) == set()
