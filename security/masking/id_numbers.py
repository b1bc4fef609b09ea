"""Masks identity numbers in free text, in full-width digits, with separators, or inside longer strings."""

import re
from collections.abc import Iterator
from typing import Final

_SHOWN: Final = 4
_DIGIT: Final = "[0-9０-９]"
_PROVINCE: Final = "[1-9１-９]"
_GAP: Final = "[ \u3000-]?"
_CANDIDATE: Final = re.compile(
    rf"(?=({_PROVINCE}{_DIGIT}{{5}}{_GAP}[12１２][890８９０]{_DIGIT}{{2}}[01０１]{_DIGIT}[0-3０-３]{_DIGIT}{_GAP}{_DIGIT}{{3}}[0-9０-９XxＸｘ]))"
)
_OLD: Final = re.compile(
    r"(?<![0-9A-Za-z.])[1-8]\d{7}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}(?![0-9A-Za-z])", re.ASCII
)
"""Numbers issued before 1999: 15 digits, no check digit. Matched only where they stand alone."""

_DATE: Final = re.compile(r"(?:18|19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])", re.ASCII)
_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_CHARS: Final = "10X98765432"
_PLAIN: Final = str.maketrans("０１２３４５６７８９Ｘｘx", "0123456789XXX")
OLD_MASK: Final = "***"


def hide_id_numbers(text: str) -> str:
    """`text` with 110101199003070134 as 1101**********0134."""
    spans = list(_spans(text))
    if spans:
        chars = list(text)
        for start, end in spans:
            for place in range(start + _SHOWN, end - _SHOWN):
                if chars[place].isdigit():
                    chars[place] = "*"
        text = "".join(chars)
    return _OLD.sub(OLD_MASK, text)


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Numbers with a correct check digit anywhere, and mistyped ones where they stand alone."""
    for match in _CANDIDATE.finditer(text):
        number = "".join(char for char in match[1].translate(_PLAIN) if char not in " \u3000-")
        start, end = match.span(1)
        if _DATE.fullmatch(number[6:14]) and (_is_checked(number) or _stands_alone(text, start, end)):
            yield start, end


def _is_checked(number: str) -> bool:
    total = sum(int(digit) * weight for digit, weight in zip(number, _WEIGHTS, strict=False))
    return _CHECK_CHARS[total % 11] == number[-1]


def _stands_alone(text: str, start: int, end: int) -> bool:
    before, after = text[:start][-1:], text[end : end + 1]
    return not before.isdigit() and not (after.isascii() and after.isalnum())
