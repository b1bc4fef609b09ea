"""Numbers as other systems write them, in JSON texts or as JSON numbers: each is read exactly, none becomes a float."""

import re
from decimal import Decimal

CHARS_MAX = 64
"""Of a number's text. One that is longer is no amount, quantity or code."""

EXPONENT_MAX = 99
"""Of a number's exponent, whatever its sign, so that 1E999999999 costs nothing."""

_NUMBER = re.compile(r"-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?([0-9]{1,9}))?", re.ASCII)

_PLAIN = re.compile(r"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?", re.ASCII)


class Numeral(str):
    """The text of a JSON number. A float would drop the zero of 1.10, and the signature would not verify."""

    __slots__ = ()


def exact(text: str) -> Decimal:
    """The number that `text` is, blanks around it aside: "25", "25.50", "2.55E+1", "2.000000".

    By JSON's grammar, and also as databases write it: "025", ".5" and "5." (Oracle's TO_CHAR). Raises ValueError for
    anything else, so for "+1", "1,000", "1_000", "0x19", "NaN" and digits that are not ASCII.
    """
    text = text.strip()
    match = _NUMBER.fullmatch(text) if len(text) <= CHARS_MAX else None
    if match is None or int(match[1] or "0") > EXPONENT_MAX:
        raise ValueError("not a number")
    return Decimal(text)


def whole(text: str) -> int:
    """The integer that `text` is, also where it is written 6.0, 6E0 or 06. Raises ValueError."""
    number, denominator = exact(text).as_integer_ratio()
    if denominator != 1:
        raise ValueError("not a whole number")
    return number


def plain(text: str, decimals_max: int, digits_max: int = 12) -> str:
    """A quantity or price that is not negative, in plain decimal notation for whoever reads no exponents.

    As it was written where that is plain already; else the shortest way to write it. Raises ValueError if it has more
    than `decimals_max` decimals, zeros at the end aside, or more than `digits_max` digits before the point.
    """
    value = exact(text)
    shortest = f"{value:f}"
    if "." in shortest:
        shortest = shortest.rstrip("0").rstrip(".")
    digits, _, decimals = shortest.partition(".")
    if value < 0 or len(digits.lstrip("-0")) > digits_max or len(decimals) > decimals_max:
        raise ValueError("not a quantity")
    written = text.strip()
    is_plain = _PLAIN.fullmatch(written) and len(written.partition(".")[2]) <= decimals_max
    return str(written) if is_plain else shortest.removeprefix("-")
