"""Money: integer fen internally, yuan with two decimals at the edges, never float (product rule 11)."""

import re
from typing import NewType

Fen = NewType("Fen", int)
"""An amount in fen (1/100 yuan)."""

TOTAL_FEN_MAX = Fen(999_999_999)

_YUAN = re.compile(r"(0|[1-9][0-9]{0,6})(?:\.([0-9]{1,2}))?", re.ASCII)
_WIRE_YUAN = re.compile(r"(-?)([0-9]{1,12})(?:\.([0-9]{1,2})0*)?", re.ASCII)


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
    """Parse an amount as the centre or HIS writes it: "25", "25.5", "25.50", "25.5000". Raises ValueError."""
    match = _WIRE_YUAN.fullmatch(text.strip())
    if match is None:
        raise ValueError("not an amount in yuan")
    fen = _in_fen(match[2], match[3])
    return Fen(-fen) if match[1] else fen


def yuan(fen: Fen | int) -> str:
    """Format as yuan with two decimals, as every interface of ours writes an amount."""
    sign, rest = ("-", -fen) if fen < 0 else ("", fen)
    return f"{sign}{rest // 100}.{rest % 100:02d}"


def _in_fen(whole: str, decimals: str | None) -> Fen:
    return Fen(int(whole) * 100 + int((decimals or "").ljust(2, "0")))
