"""Masks identity and mobile numbers in free text: in digits of any script, with blanks and hyphens between."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Final

from security.masking.names import mask_phone

_SHOWN: Final = 4
_GAP: Final = " {0,2}"
_CANDIDATE: Final = re.compile(rf"(?=([1-9](?:{_GAP}\d){{16}}{_GAP}[\dX]))", re.ASCII)
_USUAL: Final = re.compile(r"\d{6} ?\d{8} ?\d{3}[\dX]", re.ASCII)
_OLD: Final = re.compile(
    r"(?<![0-9A-Za-z.])[1-8]\d{5} ?\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]) ?\d{3}(?![0-9A-Za-z])", re.ASCII
)
"""Numbers issued before 1999: 15 digits, no check digit. Matched only where they stand alone."""

_MOBILE: Final = re.compile(
    rf"(?<![0-9A-Za-z.])(?:(?:00|\+)?86{_GAP})?(?P<number>1{_GAP}[3-9](?:{_GAP}\d){{9}})(?![0-9A-Za-z])", re.ASCII
)
_GROUP_DIGITS_MIN: Final = 3
"""Nobody writes a mobile number in smaller groups; times and lists of numbers are."""

_DATE: Final = re.compile(r"(?:18|19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])", re.ASCII)
_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_CHARS: Final = "10X98765432"
_LONG: Final = re.compile(r"\d(?:\D{0,2}\d){10}")
"""What any of these numbers has: cheap to look for, and most texts have none."""

OLD_MASK: Final = "***"


def hide_id_numbers(text: str) -> str:
    """`text` with 110101199003070134 as 1101**********0134."""
    if not _LONG.search(text):
        return text
    plain = _plain(text)
    chars = list(text)
    for start, end in _spans(plain):
        digits = [place for place in range(start, end) if plain[place] != " "]
        for place in digits[_SHOWN:-_SHOWN]:
            chars[place] = "*"
    hidden = "".join(chars)
    return _replaced(hidden, [(*match.span(), OLD_MASK) for match in _OLD.finditer(_plain(hidden))])


def hide_mobile_numbers(text: str, show: Callable[[str], str] = mask_phone) -> str:
    """`text` with 13812345678 as 138****5678, also where it is 138-1234-5678 or +86 138 1234 5678.

    `show`: what may be seen of the eleven digits.
    """
    if not _LONG.search(text):
        return text
    found = (match for match in _MOBILE.finditer(_plain(text)) if _is_grouped(match["number"]))
    return _replaced(text, [(*one.span("number"), show(one["number"].replace(" ", ""))) for one in found])


def _is_grouped(number: str) -> bool:
    return min(map(len, number.split())) >= _GROUP_DIGITS_MIN


def _replaced(text: str, spans: list[tuple[int, int, str]]) -> str:
    shown, end = "", 0
    for start, stop, instead in spans:
        shown += text[end:start] + instead
        end = stop
    return shown + text[end:]


def _plain(text: str) -> str:
    """Each character as one that the expressions know: a digit, X, a blank for whatever may separate, or itself."""
    return text.translate(_PLAIN)


class _Plain(dict[int, str]):
    """What `_plain` makes of each character, by its number; filled as characters come."""

    def __missing__(self, code: int) -> str:
        self[code] = _plain_char(chr(code))
        return self[code]


_PLAIN: Final = _Plain()


def _plain_char(char: str) -> str:
    if char.isdecimal():
        return str(unicodedata.decimal(char))
    if char in "xXｘＸ":
        return "X"
    separates = char.isspace() or unicodedata.category(char) in {"Pd", "Cf"} or char == "\u2212"
    return " " if separates else char


def _spans(plain: str) -> Iterator[tuple[int, int]]:
    """Numbers with a correct check digit anywhere, and mistyped ones where they stand alone as usual."""
    for match in _CANDIDATE.finditer(plain):
        number, (start, end) = match[1].replace(" ", ""), match.span(1)
        if not _DATE.fullmatch(number[6:14]):
            continue
        if _is_checked(number) or (_USUAL.fullmatch(match[1]) and _stands_alone(plain, start, end)):
            yield start, end


def _is_checked(number: str) -> bool:
    total = sum(int(digit) * weight for digit, weight in zip(number, _WEIGHTS, strict=False))
    return _CHECK_CHARS[total % 11] == number[-1]


def _stands_alone(text: str, start: int, end: int) -> bool:
    before, after = text[:start][-1:], text[end : end + 1]
    return not before.isdigit() and not (after.isascii() and after.isalnum())
