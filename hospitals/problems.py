"""What is wrong with a hospitals file: every problem with its line and its key, never with a secret's value."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

KeyPath = tuple[str | int, ...]


class Problem(NamedTuple):
    """`line` counts from 1; 0 where the whole file is meant."""

    line: int
    key: str
    message: str


class ConfigError(Exception):
    """The file can't be used. `problems` are in the order of their lines; the text has one line each."""

    def __init__(self, path: Path, problems: Iterable[Problem]) -> None:
        self.path = path
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(self._in_one_line(problem) for problem in self.problems))

    def _in_one_line(self, problem: Problem) -> str:
        where = f"{self.path}:{problem.line}" if problem.line else str(self.path)
        return f"{where}: {problem.key}: {problem.message}" if problem.key else f"{where}: {problem.message}"


def key_text(path: KeyPath) -> str:
    """`hospitals.main.keys[0].name`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
