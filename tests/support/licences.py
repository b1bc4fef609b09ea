"""Licences of the locked packages as their metadata tell them. `python -m tests.support.licences` prints the table."""

import re
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).parents[2]
_CLASSIFIER = "License :: OSI Approved :: "
_AS_SPDX = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD 2-Clause License": "BSD-2-Clause",
    "BSD, Public Domain": "BSD-2-Clause, public domain",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.1-or-later",
    "ISC License": "ISC",
    "LGPL": "LGPL-2.1-or-later",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}


def locked(file: str) -> dict[str, str]:
    """Package to version, of a lock file."""
    text = (ROOT / file).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", text, re.MULTILINE))


def licence(name: str) -> str | None:
    """In the words of docs/dependencies.md. None for a package that this platform does not install."""
    try:
        told = _told(distribution(name))
    except PackageNotFoundError:
        return None
    return _AS_SPDX.get(told, told).replace(" AND ", ", ").replace(" OR ", " or ")


def _told(package: Distribution) -> str:
    known = package.metadata
    for field in ("License-Expression", "License"):
        told = [line for line in known.get_all(field) or [] if line]
        if told:
            return str(told[0])
    classifiers = [line.removeprefix(_CLASSIFIER) for line in known.get_all("Classifier") or [] if _CLASSIFIER in line]
    return ", ".join(classifiers)


def rows(direct: set[str]) -> list[str]:
    """The table's rows, of what the direct dependencies bring along."""
    to_run = locked("requirements.lock")
    return [
        f"| {name} | {version} | {told} | {'run' if name in to_run else 'develop'} |"
        for name, version in sorted(locked("requirements-dev.lock").items())
        if name not in direct and (told := licence(name)) is not None
    ]


if __name__ == "__main__":
    documented = (
        (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8").partition("## What they bring along")[0]
    )
    sys.stdout.write("\n".join(rows(set(re.findall(r"^\| ([a-z0-9-]+) \| \d", documented, re.MULTILINE)))) + "\n")
