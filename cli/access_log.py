"""Records what people do at the command line in the access log."""

import asyncio
import os
import pwd
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import typer
from sqlalchemy import make_url

from cli.configuration import CommandError, read_settings
from cli.connections import database_trouble_in_one_line
from security.access_log import OS_USER, Access, AccessEvent
from security.masking.values import mask, mask_text
from storage.evidence.access_log import AccessLogRepository
from storage.sql.engines import open_engines


def os_user() -> str:
    """The user at the keyboard, even if they have switched users since (`li as root`)."""
    try:
        name = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        name = f"uid {os.geteuid()}"
    try:
        login = os.getlogin()
    except OSError:
        return name  # no login session: a service, a container
    return name if login == name else f"{login} as {name}"


def access_here(event: AccessEvent, hospital: str, subject: str = "", **details: Any) -> Access:
    """An access by whoever runs this command. `subject` is masked: an identity number may have been typed."""
    return Access(event, hospital, os_user(), OS_USER, mask_text(subject), details)


@asynccontextmanager
async def access_log(url: str, *, writing: bool = False) -> AsyncIterator[AccessLogRepository]:
    """The access log in one transaction. Needs no keyring, since nothing in it is sealed. Raises `CommandError`."""
    with database_trouble_in_one_line():
        engines = open_engines(url)
        try:
            async with (engines.writer if writing else engines.reader).begin() as connection:
                yield AccessLogRepository(connection)
        finally:
            await engines.dispose()


async def record(url: str, access: Access) -> None:
    """Record `access` before it happens. Raises `CommandError`: what can't be recorded must not be done."""
    async with access_log(url, writing=True) as log:
        await log.append(access)


def _why_not_recorded(event: AccessEvent, details: Mapping[str, str]) -> str | None:
    """Record `event`; None if that worked, else the reason why it did not."""
    try:
        settings = read_settings()
        database = make_url(settings.database)
        if database.get_backend_name() == "sqlite" and not Path(database.database or "").is_file():
            return "there is no database yet"
        asyncio.run(record(settings.database, access_here(event, settings.hospital, **mask(details))))
    except CommandError as error:
        return error.lines[0]
    return None


def record_key_work(event: AccessEvent, **details: str) -> None:
    """Record work on keys if possible, else say why not: keys are also made before there is a database."""
    why_not = _why_not_recorded(event, details)
    if why_not is not None:
        typer.echo(f"Not in the access log: {why_not}", err=True)
