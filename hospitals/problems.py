"""Problems of a hospitals file, each with its line and key, never with a secret's value.

The standard TOML parser gives no line numbers, so `KeyLines` finds them.
"""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

KeyPath = tuple[str | int, ...]
_PART = r"""(?:"[^"\n]*"|'[^'\n]*'|[A-Za-z0-9_-]+)"""
_DOTTED = rf"{_PART}(?:\s*\.\s*{_PART})*"
_TABLE = re.compile(rf"\s*\[\s*({_DOTTED})\s*\]\s*(?:#.*)?")
_ARRAY_ITEM = re.compile(rf"\s*\[\[\s*({_DOTTED})\s*\]\]\s*(?:#.*)?")
_KEY = re.compile(rf"\s*({_DOTTED})\s*=")


class Problem(NamedTuple):
    """`line`: from 1; 0 for the file as a whole."""

    line: int
    key: str
    message: str


class ConfigError(Exception):
    """The file can't be used. `problems` are sorted by line; the text has a line for each."""

    def __init__(self, path: Path, problems: Iterable[Problem]) -> None:
        self.path = path
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(self._in_one_line(problem) for problem in self.problems))

    def _in_one_line(self, problem: Problem) -> str:
        where = f"{self.path}:{problem.line}" if problem.line else str(self.path)
        return f"{where}: {problem.key}: {problem.message}" if problem.key else f"{where}: {problem.message}"


def key_text(path: KeyPath) -> str:
    """Such as `hospitals.main.keys[0].name`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


class KeyLines:
    """The line of each table and key in valid TOML. An inline table counts as one key."""

    def __init__(self, text: str) -> None:
        self._lines: dict[KeyPath, int] = {}
        items: Counter[KeyPath] = Counter()
        table: KeyPath = ()
        for number, line in enumerate(text.splitlines(), start=1):
            if match := _ARRAY_ITEM.fullmatch(line):
                array = _parts(match[1])
                table = (*array, items[array])
                items[array] += 1
                self._lines[table] = number
            elif match := _TABLE.fullmatch(line):
                table = _parts(match[1])
                self._lines[table] = number
            elif match := _KEY.match(line):
                self._lines.setdefault((*table, *_parts(match[1])), number)

    def of(self, path: KeyPath) -> int:
        """The line of `path`, else of the nearest enclosing table; 0 if there is none."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 0)


def _parts(dotted: str) -> KeyPath:
    return tuple(part.strip("\"'") for part in re.findall(_PART, dotted))
