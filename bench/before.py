"""This tree against an earlier commit, in turns in one run: what a payment costs, and how fast they are.

Usage: `python bench/before.py [COMMIT] [TURNS]`. Ratios below 1 are better, for payments a second above 1.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
TURNS = 2


def main() -> None:
    """Measure, print and save."""
    commit = sys.argv[1] if len(sys.argv) > 1 else "HEAD~1"
    turns = int(sys.argv[2]) if len(sys.argv) > 2 else TURNS  # noqa: PLR2004 - its place
    with tempfile.TemporaryDirectory(prefix="medpay-before-") as folder:
        earlier = Path(folder) / "tree"
        _git("worktree", "add", "--quiet", "--detach", str(earlier), commit)
        try:
            found = [(_load(earlier), _load(HERE.parent)) for _ in range(turns)]
        finally:
            _git("worktree", "remove", "--force", str(earlier))
    before, now = (_medians([turn[side] for turn in found]) for side in (0, 1))
    Console().print(_table(commit, before, now))
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / "before.json").write_text(json.dumps({"before": before, "now": now}, indent=1) + "\n")


def _git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=HERE, check=True)  # noqa: S603, S607 - git as installed; the commit is ours


def _load(tree: Path) -> dict[str, Any]:
    # The tree comes before the installed one.
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    load = [sys.executable, str(HERE / "load.py")]
    ran = subprocess.run(load, env=environment, cwd=tree, check=True, stdout=subprocess.PIPE)  # noqa: S603 - our own
    loaded: dict[str, Any] = json.loads(ran.stdout)
    return loaded


def _medians(turns: list[dict[str, Any]]) -> dict[str, float]:
    return {
        f"{name}: {part}": statistics.median(turn[name][part] for turn in turns)
        for name, parts in turns[0].items()
        for part in parts
    }


def _table(commit: str, before: dict[str, float], now: dict[str, float]) -> Table:
    table = Table("at once", commit, "now", "ratio")
    for name, value in before.items():
        table.add_row(name, f"{value:.1f}", f"{now[name]:.1f}", f"{now[name] / value:.2f}")
    return table


if __name__ == "__main__":
    main()
