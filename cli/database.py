"""The records' database for a command, or the line that says why not."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from cli.failures import CommandError
from domain.base import PaymentKey
from security.crypto.keyring import Keyring
from settings import Settings
from storage.session import Database
from storage.sql.migrate import upgrade

_NO_PAYMENT = PaymentKey(hospital="", med_org_ord="")


@contextmanager
def database_trouble_in_one_line() -> Iterator[None]:
    """Turns the database's errors into a `CommandError`, which never holds the URL's password."""
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        if "no such table" in reason or "does not exist" in reason:
            reason += " (medpay database upgrade makes it)"
        raise CommandError(f"MEDPAY_DATABASE_URL: the database can't be used: {reason}") from None


async def check_tables(settings: Settings, keyring: Keyring) -> None:
    """Raises `CommandError` if the database can't be reached or was never migrated."""
    with database_trouble_in_one_line():
        async with Database(settings.database, keyring) as database, database.read() as unit:
            await unit.payments.find(_NO_PAYMENT)


async def migrate(url: str) -> None:
    """Bring the tables to today's before anything uses them. Raises `CommandError`."""
    with database_trouble_in_one_line():
        await asyncio.to_thread(upgrade, url)
