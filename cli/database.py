"""The records' database for a command, or the line that says why not."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from cli.failures import CommandError
from storage.migrate import upgrade


@contextmanager
def database_trouble_in_one_line() -> Iterator[None]:
    """Turns the database's errors into a `CommandError`, which never holds the URL's password."""
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise CommandError(f"MEDPAY_DATABASE_URL: the database can't be used: {reason}") from None


async def migrate(url: str) -> None:
    """Bring the tables to today's before anything uses them. Raises `CommandError`."""
    with database_trouble_in_one_line():
        await asyncio.to_thread(upgrade, url)
