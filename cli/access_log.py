"""What a person does at the command line, in the log of access."""

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
from storage.access_log import AccessLogRepository
from storage.sql.engines import open_engines


def os_user() -> str:
    """Who is at the keyboard, also where they have become somebody else (`li as root`)."""
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
    """An access of whoever runs this command. What was typed may be an identity number: it is masked."""
    return Access(event, hospital, os_user(), OS_USER, mask_text(subject), details)


@asynccontextmanager
async def access_log(url: str, *, writing: bool = False) -> AsyncIterator[AccessLogRepository]:
    """The log in one transaction, without a keyring: nothing in it is sealed. Raises `CommandError`."""
    with database_trouble_in_one_line():
        engines = open_engines(url)
        try:
            async with (engines.writer if writing else engines.reader).begin() as connection:
                yield AccessLogRepository(connection)
        finally:
            await engines.dispose()


async def record(url: str, access: Access) -> None:
    """Raises `CommandError`: what can't be recorded is not done."""
    async with access_log(url, writing=True) as log:
        await log.append(access)


def record_if_possible(event: AccessEvent, details: Mapping[str, str]) -> str | None:
    """For keys, which are also made before there is anything to record them in: why they are not, or None."""
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
    """Keys are also made and changed before there is anything to record it in: then it is done all the same."""
    why_not = record_if_possible(event, details)
    if why_not is not None:
        typer.echo(f"Not in the log of access: {why_not}", err=True)
