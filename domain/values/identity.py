"""Numbers of identity documents: which are served, and what is checked of them.

Shape, date of birth and check digit (GB 11643, ISO 7064 MOD 11-2), nothing else. An area code says where a number was
given out, by the division of that year, which no list of ours would know: HIS and the centre know the person.
"""

import re
import unicodedata
from datetime import date
from enum import StrEnum


class Document(StrEnum):
    """A document that is served. All share one form: 17 digits and a check character, born on digits 7 to 14."""

    RESIDENT_IDENTITY_CARD = "resident_identity_card"
    RESIDENCE_PERMIT_HONG_KONG = "residence_permit_hong_kong"
    RESIDENCE_PERMIT_MACAO = "residence_permit_macao"
    RESIDENCE_PERMIT_TAIWAN = "residence_permit_taiwan"
    FOREIGN_PERMANENT_RESIDENCE = "foreign_permanent_residence"
    """The card of 2023 and later: 9, two digits of the area, three of the nationality."""

    @property
    def in_chinese(self) -> str:
        """As messages name it."""
        return _TITLES[self]


class NumberRefusedError(ValueError):
    """`reason`: in Chinese, to follow the field's name. It never repeats the number."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


CHARS = 18
BORN_FROM = date(1800, 1, 1)

_TITLES = {
    Document.RESIDENT_IDENTITY_CARD: "居民身份证",
    Document.RESIDENCE_PERMIT_HONG_KONG: "香港居民居住证",
    Document.RESIDENCE_PERMIT_MACAO: "澳门居民居住证",
    Document.RESIDENCE_PERMIT_TAIWAN: "台湾居民居住证",
    Document.FOREIGN_PERMANENT_RESIDENCE: "外国人永久居留身份证",
}
_BY_PREFIX = {
    "81": Document.RESIDENCE_PERMIT_HONG_KONG,
    "82": Document.RESIDENCE_PERMIT_MACAO,
    "83": Document.RESIDENCE_PERMIT_TAIWAN,
}
_FOREIGN = "9"
_SERVED = "居民身份证、港澳台居民居住证、外国人永久居留身份证(18位)"
_SHAPE = re.compile(r"[1-9][0-9]{16}[0-9X]", re.ASCII)
_BEFORE_1999 = re.compile(r"[1-9][0-9]{14}", re.ASCII)
"""Without the century and the check digit."""

_NOT_SERVED = (
    (_BEFORE_1999, "15位旧身份证号, 请填写18位号码"),
    (re.compile(r"[HM][0-9]{8}(?:[0-9]{2})?"), "港澳居民来往内地通行证"),
    (re.compile(r"[0-9]{8}|[0-9]{10}(?:\(?[A-Z]\)?)?"), "台湾居民来往大陆通行证"),
    (re.compile(r"[A-Z]{3}[0-9]{12}"), "旧版外国人永久居留证(15位)"),
    (re.compile(r"[A-Z]{1,2}[0-9]{6}\([0-9A]\)"), "香港永久性居民身份证"),
    (re.compile(r"[1578][0-9]{6}\([0-9]\)"), "澳门居民身份证"),
    (re.compile(r"[A-Z][0-9]{9}"), "台湾身份证、出生医学证明"),
    (re.compile(r"[\u4e00-\u9fff]{1,8}[0-9]{4,10}号?"), "军官证、警官证、士兵证等"),
    (re.compile(r"[0-9]{9}|(?=[A-Z]*[0-9])(?=[0-9]*[A-Z])[0-9A-Z]{6,10}"), "护照"),
)
"""What else people are registered under, the narrower shape first, and how it is called."""

_DROPPED = frozenset({"Cc", "Cf", "Pd", "Zl", "Zp", "Zs"})
"""Unicode categories that are no part of a number: controls, invisible characters, dashes, blanks."""

_LIKE_X = str.maketrans(dict.fromkeys("×✕✖╳хХχΧ", "X"))
"""What is typed for the check character X where a keyboard has none."""


def clean(text: str) -> str:
    """A number in the one form that is kept and compared: half-width, no blanks or dashes, upper-case X."""
    plain = unicodedata.normalize("NFKC", text).translate(_LIKE_X)
    return "".join(char for char in plain if unicodedata.category(char) not in _DROPPED).upper()


def read(text: str, today: date) -> str:
    """The number of a document that is served, in its clean form. `today`: in China.

    Raises `NumberRefusedError`, which names a document that is not served as such.
    """
    number = clean(text)
    if not _SHAPE.fullmatch(number):
        raise NumberRefusedError(_reason(number))
    if not _is_birthday(number[6:14], today):
        raise NumberRefusedError("不正确: 出生日期有误")
    if not _is_checked(number):
        raise NumberRefusedError("不正确: 校验码有误")
    return number


def document_of(number: str) -> Document:
    """The document of a number that `read` has returned."""
    if number.startswith(_FOREIGN):
        return Document.FOREIGN_PERMANENT_RESIDENCE
    return _BY_PREFIX.get(number[:2], Document.RESIDENT_IDENTITY_CARD)


def is_same(number: str, written: str) -> bool:
    """Whether `written`, as another system keeps it, is the `number` that `read` has returned.

    A file from before 1999 may still have the number without its century and check digit.
    """
    theirs = clean(written)
    if _BEFORE_1999.fullmatch(theirs):
        resident = document_of(number) is Document.RESIDENT_IDENTITY_CARD
        return resident and number[6:8] == "19" and theirs == number[:6] + number[8:17]
    return theirs == number


def _reason(number: str) -> str:
    for shape, document in _NOT_SERVED:
        if shape.fullmatch(number):
            return f"暂不支持{document}; 支持: {_SERVED}"
    return f"不正确: 须为18位号码, 支持: {_SERVED}"


def _is_birthday(digits: str, today: date) -> bool:
    try:
        born = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return BORN_FROM <= born <= today


def _is_checked(number: str) -> bool:
    """ISO 7064 MOD 11-2: the weighted sum, check character included (X is 10), leaves 1."""
    values = (10 if char == "X" else int(char) for char in number)
    return sum(value * pow(2, CHARS - 1 - place, 11) for place, value in enumerate(values)) % 11 == 1
