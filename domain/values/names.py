"""People's names: one clean form to send, and one to compare.

Two spellings of one name become equal: dots, blanks, widths, invisible characters, private-use characters of GBK.
Two names never do: nothing is left out that can be seen but the blanks, and no character stands for another one, so
neither 张三 and 张三丰 nor 冯 and 馮 are the same.
"""

import re
import unicodedata
from typing import Final

DOT: Final = "·"
"""U+00B7, which the state's rule of 2016 for the names of ethnic groups asks of every information system."""

_DOTS: Final = "·•‣․‧∘∙⋅●◦⦁・･᛫ㆍ⸰⸱⸳ꞏᐧ˙𐄁\u0387\u119e"
"""What stands between the parts of a name in other systems, wherever it stands in a name."""

_FULL_STOPS: Final = ".。"
"""The same between two Chinese characters; elsewhere a full stop, as in MARY A. SMITH. NFKC makes ．﹒｡ these."""

_GBK: Final = (
    "⺁𠂇𠂉𠃌⺄㑳㑇⺈⺋龴㖞㘚㘎⺌⺗㥮㤘龵㧏㧟㩳㧐龶龷㭎㱮㳠⺧𡗗龸⺪䁖䅟⺮䌷⺳⺶⺷𢦏䎱"
    "䎬⺻䏝䓖䙡䙌龹䜣䜩䝼䞍⻊䥇䥺䥽䦂䦃䦅䦆䦟䦛䦷䦶龺𤇾䲣䲟䲠䲡䱷䲢䴓䴔䴕䴖䴗䴘䴙䶮龻"
)
"""The 80 characters FE50 to FEA0 of GBK, which had no code point in 1995: old systems still write U+E815 to U+E864."""

_GBK_FIRST: Final = 0xE815

_RADICALS: Final = (
    "⺠民⻁虎⻄西⻅见⻆角⻉贝⻋车⻓长⻔门⻘青⻙韦⻚页⻛风⻜飞⻝食⻢马⻣骨⻤鬼⻥鱼⻦鸟⻧卤⻨麦⻩黄⻬齐⻮齿⻰龙"
)
"""Radicals that look exactly like a character, each before it: what copying from a PDF makes of a name."""

_APOSTROPHES: Final = "’‘ʼʻ`´＇"
_DASHES: Final = "‐‑‒–—―−－"

CHARACTERS: Final = str.maketrans(
    {chr(_GBK_FIRST + place): char for place, char in enumerate(_GBK)}
    | dict(zip(_RADICALS[::2], _RADICALS[1::2], strict=True))
    | dict.fromkeys(_DOTS, DOT)
    | dict.fromkeys(_APOSTROPHES, "'")
    | dict.fromkeys(_DASHES, "-")
)
"""What NFKC leaves apart, to be applied before it."""

_INVISIBLE: Final = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\u2800\u180b\u180c\u180d\u180f"
    + "".join(map(chr, [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]))
)
"""Fillers and variation selectors, which have other categories than format characters."""

_HAN: Final = (
    r"\u2e80-\u2fdf\u3005\u3007\u3021-\u3029\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
    r"\ue000-\uf8ff"
)
"""Chinese characters, and the private use that a maker of fonts has given to some."""

_IDLE_BLANKS: Final = re.compile(rf"(?<=[{_HAN}{DOT}]) +| +(?=[{_HAN}{DOT}])")
_DOTTED: Final = re.compile(rf"(?<=[{_HAN}])[{DOT}{_FULL_STOPS}]+(?=[{_HAN}])|{DOT}{{2,}}")


def clean(name: str) -> str:
    """A name as it is kept and sent: NFKC, one kind of dot, no invisible characters, no blanks inside a Chinese name.

    Between Latin words one blank stays. Empty if nothing of the name can be seen.
    """
    visible = "".join(seen(char) for char in name.translate(CHARACTERS))
    plain = " ".join(unicodedata.normalize("NFKC", visible).translate(CHARACTERS).split())
    return _DOTTED.sub(DOT, _IDLE_BLANKS.sub("", plain))


def comparable(name: str) -> str:
    """The form in which two spellings of a name are equal: clean, and in one case. Passports are in capitals."""
    return unicodedata.normalize("NFKC", clean(name).casefold())


def seen(char: str) -> str:
    """The character; a blank for any white space; nothing for one that cannot be seen."""
    category = unicodedata.category(char)
    if category in {"Zs", "Zl", "Zp"} or char in "\t\n\v\f\r\x85":
        return " "
    return "" if category in {"Cc", "Cf"} or char in _INVISIBLE else char
