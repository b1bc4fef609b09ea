"""Migrates a database to the tables of this version."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from alembic import command
from alembic.config import Config

_MIGRATIONS = Path(__file__).parent.parent / "migrations"


def upgrade(url: str) -> None:
    """Run all pending migrations on the database at `url` (SQLAlchemy's, with an asynchronous driver).

    Blocks until done. Raises SQLAlchemyError or OSError if the database can't be used.
    """
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["url"] = url
    # Migrations run an event loop of their own, which needs a thread without one.
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="migrate") as thread:
        thread.submit(command.upgrade, config, "head").result()
