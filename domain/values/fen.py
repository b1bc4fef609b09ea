"""Money: integer fen internally, yuan with two decimals at the edges, never float (product rule 11)."""

import re
from typing import NewType

from domain.values.decimals import exact

Fen = NewType("Fen", int)
"""An amount in fen (1/100 yuan)."""

TOTAL_FEN_MAX = Fen(999_999_999)

_YUAN = re.compile(r"(0|[1-9][0-9]{0,6})(?:\.([0-9]{1,2}))?", re.ASCII)
_FEN_MAX = 10**14 - 1
"""Of an amount that another party writes: it must fit into the database, also when summed up."""


def parse_total(text: str) -> Fen:
    """Parse the interface's TOTAL: yuan in ASCII digits, 0.01 to 9999999.99, at most two decimals, no sign or exponent.

    Raises ValueError.
    """
    match = _YUAN.fullmatch(text)
    if match is None:
        raise ValueError(f"not an amount in yuan: {text!r}")
    fen = _in_fen(match[1], match[2])
    if fen == 0:
        raise ValueError("an amount of zero")
    return fen


def parse_yuan(text: str) -> Fen:
    """Parse an amount as the centre or HIS writes it, exactly: "25", "25.5", "25.5000", "2.55E+1".

    Raises ValueError for a fraction of a fen, for a trillion yuan and more, and for what is no number (`exact`).
    """
    yuan_of, denominator = exact(text).as_integer_ratio()
    fen, fraction = divmod(yuan_of * 100, denominator)
    if fraction or abs(fen) > _FEN_MAX:
        raise ValueError("not an amount in yuan")
    return Fen(fen)


def yuan(fen: Fen | int) -> str:
    """Format as yuan with two decimals, as every interface of ours writes an amount."""
    sign, rest = ("-", -fen) if fen < 0 else ("", fen)
    return f"{sign}{rest // 100}.{rest % 100:02d}"


def _in_fen(whole: str, decimals: str | None) -> Fen:
    return Fen(int(whole) * 100 + int((decimals or "").ljust(2, "0")))
