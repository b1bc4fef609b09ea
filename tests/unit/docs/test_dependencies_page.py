"""docs/dependencies.md against the metadata of what is installed: licences can't rot, and none comes in unseen."""

import re
from pathlib import Path

from tests.support.licences import licence, locked, rows

PAGE = (Path(__file__).parents[3] / "docs" / "dependencies.md").read_text(encoding="utf-8")
DIRECT, _, INDIRECT = PAGE.partition("## What they bring along")
ACCEPTED = {
    *("Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "PSF-2.0", "public domain"),
    *("MPL-2.0", "LGPL-2.1-or-later"),
}
"""The last two ask for their own source where it is changed; we change none."""


def documented() -> dict[str, str]:
    return dict(re.findall(r"^\| ([a-z0-9-]+) \| \d\S* \| ([^|]+?) \|", DIRECT, re.MULTILINE))


def test_each_direct_licence_is_what_the_package_says() -> None:
    said = {name: licence(name) for name in documented()}
    assert {name: told for name, told in said.items() if told not in {None, documented()[name]}} == {}


def test_what_they_bring_along_is_listed() -> None:
    """`python -m tests.support.licences` prints it anew."""
    missing = [row for row in rows(set(documented())) if row not in INDIRECT]
    assert missing == []


def test_no_row_is_of_a_package_that_is_not_locked() -> None:
    listed = dict(re.findall(r"^\| ([a-z0-9._-]+) \| (\d\S*) \|", INDIRECT, re.MULTILINE))
    assert listed.items() <= locked("requirements-dev.lock").items()


def test_every_licence_is_one_that_is_accepted() -> None:
    told = re.findall(r"^\| [a-z0-9._-]+ \| \d\S* \| ([^|]+?) \|", PAGE, re.MULTILINE)
    assert {part for licences in told for part in re.split(", | or ", licences)} <= ACCEPTED


def test_the_tools_of_the_makefile_are_pinned_as_documented() -> None:
    makefile = (Path(__file__).parents[3] / "Makefile").read_text(encoding="utf-8")
    pins = dict(re.findall(r"--from ([a-z-]+)==(\S+)", makefile))
    assert pins.keys() == {"cyclonedx-bom", "pip-audit"}
    assert all(f"`{name}` {version}" in PAGE for name, version in pins.items())
