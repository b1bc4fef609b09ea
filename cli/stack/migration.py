"""Brings the records' database to today's tables before anything uses it."""

import asyncio

from sqlalchemy.exc import SQLAlchemyError

from cli.failures import CommandError
from storage.migrate import upgrade


async def migrate(url: str) -> None:
    """Raises `CommandError` in one line, which never holds the URL's password."""
    try:
        await asyncio.to_thread(upgrade, url)
    except (SQLAlchemyError, OSError) as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise CommandError(f"MEDPAY_DATABASE_URL: the database can't be used: {reason}") from None
