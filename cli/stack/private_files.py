"""Files that only their owner may read."""

import os
from collections.abc import Callable
from pathlib import Path

OWNER_ONLY = 0o600


def write_private(path: Path, text: str) -> None:
    """Write the file with mode 600, whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def keep_private(path: Path, make: Callable[[], str]) -> str:
    """The file's text; made once, where the file is missing or empty."""
    if path.exists() and (text := path.read_text(encoding="utf-8").strip()):
        return text
    text = make()
    write_private(path, text + "\n")
    return text
