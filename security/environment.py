"""`.env` and the environment as people write them, and the names in them that nothing reads."""

import difflib
import os
import re
from collections.abc import Collection, Iterable, Mapping
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from dotenv import dotenv_values

from domain.values.written import bare, text_of

PREFIX = "MEDPAY_"
DOT_ENV = Path(".env")

ELSEWHERE = frozenset({"MEDPAY_REVIEW_KEY", "MEDPAY_CONFIG_DIR", "MEDPAY_DATABASE_PASSWORD", "MEDPAY_UID"})
"""What is read beside the settings: by `medpay review`, and by docker-compose.yml, which shares `.env` with us."""

_NEAR_MIN, _NEAR_MIN_WITHOUT_PREFIX = 0.6, 0.9
"""How alike (difflib's ratio) a name is that was meant: what follows our prefix, or all of a name without it, which may
well be another program's."""

_ASSIGNED = re.compile(r"^[ \t]*(?:export[ \t]+)?['\"]?([A-Za-z_][A-Za-z0-9_.-]*)['\"]?[ \t]*(?:=|$)", re.MULTILINE)


class UnreadName(NamedTuple):
    """A variable that nothing reads. `near`: the name that was probably meant, if one is near."""

    name: str
    near: str | None

    def __str__(self) -> str:
        meant = f"; is {self.near} meant?" if self.near else ""
        return f"{self.name}: there is no such setting{meant}"


def dot_env_text() -> str:
    """The text of `.env`; empty if there is none. Raises ValueError, which reads as the end of a sentence about it."""
    try:
        return text_of(DOT_ENV.read_bytes()) if DOT_ENV.is_file() else ""
    except OSError as error:
        raise ValueError(f"can't be read: {error.strerror}") from None


def variable(name: str) -> str:
    """The variable from the environment, else from `.env`, without blanks around it; empty if it is not set.

    Raises ValueError if `.env` is not UTF-8.
    """
    return bare(os.environ.get(name) or "") or bare(dotenv_values(stream=StringIO(dot_env_text())).get(name) or "")


def unread(names: Iterable[str], read: Collection[str]) -> list[UnreadName]:
    """The names with our prefix, or nearly, that are not `read`. Case does not matter."""
    whole = {name.upper(): name for name in read}
    after_prefix = {upper.removeprefix(PREFIX): name for upper, name in whole.items()}
    found = []
    for name in names:
        upper = name.upper()
        if upper in whole:
            continue
        if upper.startswith(PREFIX):
            found.append(UnreadName(name, _nearest(upper.removeprefix(PREFIX), after_prefix, _NEAR_MIN)))
        elif near := _nearest(upper, whole, _NEAR_MIN_WITHOUT_PREFIX):
            found.append(UnreadName(name, near))
    return found


def _nearest(text: str, names: Mapping[str, str], cutoff: float) -> str | None:
    near = difflib.get_close_matches(text, names, n=1, cutoff=cutoff)
    return names[near[0]] if near else None


def unread_in_dot_env(text: str, read: Collection[str]) -> list[str]:
    """A line for each unread name in the text of `.env`, with its line there."""
    lines: dict[str, int] = {}
    for match in _ASSIGNED.finditer(text):
        lines.setdefault(match[1], text.count("\n", 0, match.start(1)) + 1)
    return [f"{DOT_ENV}:{lines[one.name]}: {one}" for one in unread(lines, read)]


def unread_in(environment: Mapping[str, str], read: Collection[str]) -> list[str]:
    """A line for each unread name in the environment."""
    return [str(one) for one in unread(environment, read)]
