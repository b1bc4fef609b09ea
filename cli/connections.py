"""Connects a command to the records' database and to Temporal, or says in one line why it can't."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from sqlalchemy.exc import SQLAlchemyError
from temporalio.client import Client
from temporalio.converter import DataConverter
from temporalio.service import RPCError

from cli.configuration import CommandError, read_keyring
from security.crypto.keyring import Keyring
from security.tls import TlsFileError, temporal_tls
from settings import Settings
from storage.session import Database
from storage.sql.engines import WAIT_S_MAX
from storage.sql.migrate import upgrade

NO_CONNECTION = "client connect"
"""Part of the text of the SDK's RuntimeError if nothing answers."""


@contextmanager
def database_trouble_in_one_line() -> Iterator[None]:
    """Turns database errors into a `CommandError`, which never contains the URL's password."""
    try:
        yield
    except TlsFileError as error:
        raise CommandError(f"MEDPAY_DATABASE_URL: {error}") from None
    except (SQLAlchemyError, OSError) as error:
        reason = _first_line(getattr(error, "orig", None) or error)
        if "no such table" in reason or "does not exist" in reason:
            reason += " (medpay database upgrade makes it)"
        raise CommandError(f"MEDPAY_DATABASE_URL: the database can't be used: {reason}") from None


def _first_line(error: BaseException) -> str:
    """Why, in one line. A time limit that ran out has no words of its own."""
    if isinstance(error, TimeoutError):
        return f"it does not answer within {WAIT_S_MAX} s"
    return next(iter(str(error).splitlines()), type(error).__name__)


@contextmanager
def temporal_trouble_in_one_line(settings: Settings) -> Iterator[None]:
    """Turns Temporal's refusals into a `CommandError`."""
    try:
        yield
    except RPCError as error:
        raise CommandError(f"Temporal at {settings.temporal_address} refused: {error.message}") from None


@asynccontextmanager
async def records(
    settings: Settings, keyring: Keyring | None = None, *, unhurried: bool = False
) -> AsyncIterator[Database]:
    """The records' database. `keyring`: by default the settings' own. `unhurried`: no time limit on statements.

    Raises `CommandError`.
    """
    limit: dict[str, None] = {"statement_s_max": None} if unhurried else {}
    with database_trouble_in_one_line():
        async with Database(settings.database, keyring or read_keyring(settings), **limit) as database:
            yield database


async def check_tables(settings: Settings) -> None:
    """Raises `CommandError` if the database can't be reached or was never migrated."""
    async with records(settings) as database:
        await database.check_tables()


async def migrate(url: str) -> None:
    """Migrate the tables to this version. Raises `CommandError`."""
    with database_trouble_in_one_line():
        await asyncio.to_thread(upgrade, url)


async def connect(settings: Settings, data_converter: DataConverter = DataConverter.default) -> Client:
    """A client of the Temporal in the settings. Raises `CommandError` if nothing answers there."""
    try:
        return await Client.connect(
            settings.temporal_address,
            namespace=settings.temporal_namespace,
            data_converter=data_converter,
            tls=temporal_tls(settings.temporal_tls_files),
        )
    except RuntimeError:
        raise CommandError(f"MEDPAY_TEMPORAL_ADDRESS: no Temporal answers at {settings.temporal_address}") from None
