"""Where in a TOML text a key stands: the standard reader tells values, not lines."""

import re
from collections import Counter

from hospitals.problems import KeyPath

_PART = r"""(?:"[^"\n]*"|'[^'\n]*'|[A-Za-z0-9_-]+)"""
_DOTTED = rf"{_PART}(?:\s*\.\s*{_PART})*"
_TABLE = re.compile(rf"\s*\[\s*({_DOTTED})\s*\]\s*(?:#.*)?")
_ARRAY_ITEM = re.compile(rf"\s*\[\[\s*({_DOTTED})\s*\]\]\s*(?:#.*)?")
_KEY = re.compile(rf"\s*({_DOTTED})\s*=")


class KeyLines:
    """The line of each table and key of a text that is valid TOML. An inline table counts as one key."""

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
        """The line of `path`, else of the nearest table around it; 0 if there is none."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 0)


def _parts(dotted: str) -> KeyPath:
    return tuple(part.strip("\"'") for part in re.findall(_PART, dotted))
