"""Takes known values out of others' words, however they are spelt there: 张　三 and ＺＨＡＮＧ SAN as well as 张三."""

import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final

from domain.values.names import CHARACTERS, DOT, seen

_SKIPPED: Final = frozenset({DOT, ".", "。", "｡", " "})


def hide_spellings(text: str, shown: Mapping[str, str]) -> str:
    """`text` with each key of `shown`, in any spelling, replaced by its value: what may be seen of it.

    Softer than `domain.values.names.comparable`, since too little hidden is worse than too much: dots, blanks, hyphens
    and the case of letters do not matter at all.
    """
    folded, places = _folded(text)
    hidden = ""
    end = 0
    for start, stop, instead in _merged(sorted(_spans(folded, places, shown))):
        hidden += text[end:start] + instead
        end = stop
    return hidden + text[end:]


def _spans(folded: str, places: list[int], shown: Mapping[str, str]) -> Iterator[tuple[int, int, str]]:
    """Where a key begins and ends in the text, and what is shown instead."""
    for secret, instead in shown.items():
        sought = _folded(secret)[0]
        found = folded.find(sought) if sought else -1
        while found >= 0:
            last = found + len(sought) - 1
            yield places[found], places[last] + 1, instead
            found = folded.find(sought, last + 1)


def _merged(spans: list[tuple[int, int, str]]) -> Iterator[tuple[int, int, str]]:
    """Without overlaps: those that overlap are hidden as one, as the longest of them is."""
    group: list[tuple[int, int, str]] = []
    for span in spans:
        if group and span[0] >= max(stop for _, stop, _ in group):
            yield _union(group)
            group = []
        group.append(span)
    if group:
        yield _union(group)


def _union(group: list[tuple[int, int, str]]) -> tuple[int, int, str]:
    longest = max(group, key=lambda span: span[1] - span[0])
    return group[0][0], max(stop for _, stop, _ in group), longest[2]


def _folded(text: str) -> tuple[str, list[int]]:
    """`text` without spelling, and for each of its characters the place in `text` that it came from."""
    chars: list[str] = []
    places: list[int] = []
    for place, char in enumerate(text):
        for plain in _fold(char):
            chars.append(plain)
            places.append(place)
    return "".join(chars), places


@lru_cache(maxsize=65_536)
def _fold(char: str) -> str:
    """Decomposed, so that é is the same in one character and in two."""
    visible = "".join(map(seen, char.translate(CHARACTERS)))
    plain = unicodedata.normalize("NFKD", visible).translate(CHARACTERS).casefold()
    return "".join(each for each in unicodedata.normalize("NFKD", plain) if not _is_skipped(each))


def _is_skipped(char: str) -> bool:
    return seen(char) in {"", *_SKIPPED} or unicodedata.category(char) == "Pd"
