"""Numbers of people's documents, with their check characters."""

from domain.values.identity import Document

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def id_no(area: str, born: str, serial: int = 1) -> str:
    """`area`: six digits. `born`: yyyyMMdd. By the standard's own table, not by the product's arithmetic."""
    digits = f"{area}{born}{serial:03d}"
    total = sum(int(digit) * weight for digit, weight in zip(digits, _WEIGHTS, strict=True))
    return digits + "10X98765432"[total % 11]


def id_no_ending_in_x(area: str, born: str) -> str:
    """The first number there whose check character is X."""
    return next(number for number in (id_no(area, born, serial) for serial in range(1, 999)) if number[-1] == "X")


NUMBERS = {
    Document.RESIDENT_IDENTITY_CARD: id_no("460100", "19770512"),
    Document.RESIDENCE_PERMIT_HONG_KONG: id_no("810000", "19830921"),
    Document.RESIDENCE_PERMIT_MACAO: id_no("820000", "19910410"),
    Document.RESIDENCE_PERMIT_TAIWAN: id_no("830000", "19750315"),
    Document.FOREIGN_PERMANENT_RESIDENCE: id_no("911156", "19860704"),
}
"""Somebody's of each document."""

ID_TYPES = {document: f"{place:02d}" for place, document in enumerate(Document, start=1)}
"""A made-up centre's idType of each; 01 is the identity card's everywhere."""
