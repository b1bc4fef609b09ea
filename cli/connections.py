"""A command's way to the records' database and to Temporal, or the line that says why there is none."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from sqlalchemy.exc import SQLAlchemyError
from temporalio.client import Client
from temporalio.converter import DataConverter

from cli.configuration import CommandError, read_keyring
from domain.base import PaymentKey
from security.crypto.keyring import Keyring
from security.tls import temporal_tls
from settings import Settings
from storage.session import Database
from storage.sql.migrate import upgrade

NO_CONNECTION = "client connect"
"""In the text of the SDK's RuntimeError where nothing answers."""

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


@asynccontextmanager
async def records(
    settings: Settings, keyring: Keyring | None = None, *, unhurried: bool = False
) -> AsyncIterator[Database]:
    """The records' database. `keyring`: None for the one in the settings. `unhurried`: a statement may take its time.

    Raises `CommandError`.
    """
    limit: dict[str, None] = {"statement_s_max": None} if unhurried else {}
    with database_trouble_in_one_line():
        async with Database(settings.database, keyring or read_keyring(settings), **limit) as database:
            yield database


async def check_tables(settings: Settings) -> None:
    """Raises `CommandError` if the database can't be reached or was never migrated."""
    async with records(settings) as database, database.read() as unit:
        await unit.payments.find(_NO_PAYMENT)


async def migrate(url: str) -> None:
    """Bring the tables to today's before anything uses them. Raises `CommandError`."""
    with database_trouble_in_one_line():
        await asyncio.to_thread(upgrade, url)


async def connect(settings: Settings, data_converter: DataConverter = DataConverter.default) -> Client:
    """Raises `CommandError` if nothing answers there."""
    try:
        return await Client.connect(
            settings.temporal_address,
            namespace=settings.temporal_namespace,
            data_converter=data_converter,
            tls=temporal_tls(settings.temporal_tls_files),
        )
    except RuntimeError:
        raise CommandError(f"MEDPAY_TEMPORAL_ADDRESS: no Temporal answers at {settings.temporal_address}") from None
