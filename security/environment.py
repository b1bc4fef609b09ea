"""`.env` and the environment as people write them, and the names in them that nothing reads."""

import difflib
import os
import re
import stat
from collections.abc import Collection, Iterable, Mapping
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from dotenv import dotenv_values

from domain.values.written import bare, text_of
from security.keys.own_files import ForeignFileError, check_own

PREFIX = "MEDPAY_"
DOT_ENV = Path(".env")

ELSEWHERE = frozenset({"MEDPAY_REVIEW_KEY", "MEDPAY_CONFIG_DIR", "MEDPAY_DATABASE_PASSWORD", "MEDPAY_UID"})
"""What is read beside the settings: by `medpay review`, and by docker-compose.yml, which shares `.env` with us."""

NEVER_IN_DOT_ENV: Mapping[str, str] = {
    "MEDPAY_TEMPORAL_CLI": "is a command that would be executed",
    "MEDPAY_AUTH": "decides whether the API is open to all",
    "MEDPAY_REVIEW_KEY": "is a person's key, read from the environment only",
}
"""What a file that lies about where one stands must not say, and why: it may have come with somebody's archive."""

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


class DotEnvError(ValueError):
    """`.env` is not believed. A line for each reason, which names the file."""


def dot_env_text() -> str:
    """The text of `.env`; empty if there is none.

    Raises ValueError, which reads as the end of a sentence about it, also where others could have written it.
    """
    try:
        if not DOT_ENV.is_file():
            return ""
        check_own(DOT_ENV, folder_too=True)
        return text_of(DOT_ENV.read_bytes())
    except ForeignFileError as problem:
        raise ValueError(f"of {Path.cwd()} is not believed: {problem}") from None
    except OSError as error:
        raise ValueError(f"can't be read: {error.strerror}") from None


def dot_env_values() -> dict[str, str | None]:
    """What `.env` sets. `$` in a value is itself: no variable is put into it, whose secret might then go elsewhere.

    Raises `DotEnvError`.
    """
    try:
        text = dot_env_text()
    except ValueError as problem:
        raise DotEnvError(f"{DOT_ENV} {problem}") from None
    values = dotenv_values(stream=StringIO(text), interpolate=False)
    lines = _lines(text)
    never = [(name, why) for name in values if (why := NEVER_IN_DOT_ENV.get(name.upper()))]
    if never:
        raise DotEnvError(
            "\n".join(
                f"{DOT_ENV}:{lines.get(name, 0)}: {name} {why}: it may stand in the environment, never in {DOT_ENV}"
                for name, why in never
            )
        )
    return values


def only_in_dot_env(names: Iterable[str]) -> list[str]:
    """Those of `names` that `.env` sets, and the environment does not. Raises `DotEnvError`."""
    given = {name.upper() for name, value in dot_env_values().items() if bare(value or "")}
    around = {name.upper() for name, value in os.environ.items() if bare(value)}
    return [name for name in names if name in given - around]


def exposed_in_dot_env(names: Iterable[str]) -> list[str]:
    """Those of `names` that only `.env` sets, if others than its owner and group can read it. Raises `DotEnvError`."""
    named = only_in_dot_env(names)
    return named if named and DOT_ENV.stat().st_mode & stat.S_IRWXO else []


def variable(name: str) -> str:
    """The variable from the environment, else from `.env`, without blanks around it; empty if it is not set.

    Raises `DotEnvError`.
    """
    return bare(os.environ.get(name) or "") or bare(dot_env_values().get(name) or "")


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
    lines = _lines(text)
    return [f"{DOT_ENV}:{lines[one.name]}: {one}" for one in unread(lines, read)]


def _lines(text: str) -> dict[str, int]:
    """Each name that is assigned to, and its first line."""
    lines: dict[str, int] = {}
    for match in _ASSIGNED.finditer(text):
        lines.setdefault(match[1], text.count("\n", 0, match.start(1)) + 1)
    return lines


def unread_in(environment: Mapping[str, str], read: Collection[str]) -> list[str]:
    """A line for each unread name in the environment."""
    return [str(one) for one in unread(environment, read)]
