"""`medpay keys rotate | reseal | check | remove`: the keyring's life cycle (docs/keys.md)."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from google.protobuf.message import Message
from rich.console import Console
from rich.progress import Progress
from temporalio.api.common.v1 import Payload
from temporalio.service import RPCError, RPCStatusCode

from cli.access_log import record_key_work
from cli.configuration import CHECK_FAILED, WRONG_USE, CommandError, read_keyring, read_settings
from cli.connections import connect, records, temporal_trouble_in_one_line
from security.access_log import AccessEvent
from security.crypto.gcm import SealCipher
from security.crypto.keyring import Keyring
from security.crypto.payload_codec import KEY_ID
from security.keys import files as key_files
from settings import Settings
from storage.sealing import sealed_tables

ROWS_AT_ONCE = 100
"""Rows per transaction. On SQLite payments wait for each, some milliseconds."""

_RESTART = "Restart the API and the workers now: they seal with the old key until then, and open what either seals"


def rotate(
    cipher: Annotated[
        SealCipher | None, typer.Option(help="The new key's cipher; by default the active one's.")
    ] = None,
    *,
    then_reseal: Annotated[
        bool, typer.Option("--reseal", help="Then seal the rows anew, as keys reseal does.")
    ] = False,
) -> None:
    """Add a key to the keyring, which seals from now on; the others still open what they sealed."""
    settings = read_settings()
    path = _file_of(settings)
    with _changing(path):
        keyring = read_keyring(settings)
        rotated = keyring.rotated(cipher or keyring.cipher)
        rotated.replace(path)
    typer.echo(f"{path}: {rotated.active} ({rotated.cipher}) seals from now on")
    typer.echo(_RESTART)
    record_key_work(AccessEvent.CLI_KEY_ROTATED, active=rotated.active, cipher=rotated.cipher.value)
    if then_reseal:
        asyncio.run(_reseal(settings, rotated))


def reseal() -> None:
    """Seal every row that an older key sealed with the active one. It can be stopped and restarted at any time."""
    settings = read_settings()
    asyncio.run(_reseal(settings, read_keyring(settings)))


def check(
    *,
    histories: Annotated[
        bool, typer.Option(help="Also read every history that Temporal keeps; takes a while where there are many.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False,
) -> None:
    """Check the keyring and show what each key is still needed for. Exit 1 if data needs a key that is missing."""
    settings = read_settings()
    try:
        keyring = read_keyring(settings)
    except CommandError as error:
        # A broken keyring is a failed check here, not wrong use.
        raise CommandError(*error.lines) from None
    rows = asyncio.run(in_rows(settings, keyring))
    workflows = asyncio.run(in_histories(settings)) if histories else None
    missing = sorted((rows.keys() | (workflows or {}).keys()) - keyring.ciphers.keys())
    if as_json:
        typer.echo(json.dumps(_as_json(settings, keyring, rows, workflows, missing), indent=1))
    else:
        _print(settings, keyring, rows, workflows)
        for key_id in missing:
            typer.echo(f"{key_id}: is not in the keyring, and data needs it: restore the keyring that had it", err=True)
    if missing:
        raise typer.Exit(CHECK_FAILED)


def remove(key_id: Annotated[str, typer.Argument(help="The old key's id, such as k1.")]) -> None:
    """Remove an old key, if no row and no history that Temporal keeps needs it. Exit 1 if one does."""
    settings = read_settings()
    path = _file_of(settings)
    with _changing(path):
        keyring = read_keyring(settings)
        try:
            without = keyring.without([key_id])
        except ValueError as error:
            raise CommandError(f"{path}: {error}", exit_code=WRONG_USE) from None
        rows = asyncio.run(in_rows(settings, keyring))[key_id]
        workflows = asyncio.run(in_histories(settings))[key_id]
        if rows or workflows:
            raise CommandError(
                f"{key_id} is needed: {rows} sealed texts in rows (medpay keys reseal), {workflows} workflows in "
                "Temporal (until they end and their retention is over)"
            )
        without.replace(path)
    record_key_work(AccessEvent.CLI_KEY_REMOVED, key=key_id)
    typer.echo(f"{path}: {key_id} is removed. Exported histories that it sealed open only with a copy of it")


@contextmanager
def _changing(path: Path) -> Iterator[None]:
    """Lock the keyring: concurrent commands must not lose each other's keys. Turns OSError into a `CommandError`."""
    try:
        with key_files.held(path):
            yield
    except OSError as error:
        raise CommandError(f"{path}: can't change the keyring: {error.strerror}") from None


def _file_of(settings: Settings) -> Path:
    if settings.keyring is not None:
        raise CommandError(
            "MEDPAY_KEYRING holds the keyring itself: change the file that fills it, with MEDPAY_KEYRING_FILE instead",
            exit_code=WRONG_USE,
        )
    return settings.keyring_path


async def _reseal(settings: Settings, keyring: Keyring) -> None:
    """Seal every row with the active key. Raises `CommandError` at the end if some rows' seals did not open."""
    rows = broken = 0
    async with records(settings, keyring, unhurried=True) as database:
        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("Rows sealed anew", total=None)
            for table in sealed_tables():
                after: tuple[object, ...] | None = None
                while True:
                    async with database.begin() as unit:
                        done = await unit.seals.reseal(table, after, ROWS_AT_ONCE)
                    rows, broken, after = rows + done.rows, broken + done.broken, done.last
                    progress.update(task, completed=rows)
                    if after is None:
                        break
    typer.echo(f"{rows} rows sealed anew with {keyring.active}")
    if broken:
        raise CommandError(
            f"{broken} rows do not open: their key is missing, or they were changed; they stay as they are"
        )


def _print(settings: Settings, keyring: Keyring, rows: Counter[str], workflows: Counter[str] | None) -> None:
    source = "MEDPAY_KEYRING" if settings.keyring is not None else f"{settings.keyring_path} (mode 600)"
    practice = ", made for practice: no real patient's data under it" if keyring.for_practice else ""
    typer.echo(f"{source}{practice}")
    for key_id, cipher in keyring.ciphers.items():
        active = " active," if key_id == keyring.active else ""
        read = f", {workflows[key_id]} workflows in Temporal" if workflows is not None else ""
        typer.echo(f"{key_id}: {cipher},{active} {rows[key_id]} sealed texts in rows{read}")
    if workflows is None:
        typer.echo("Histories in Temporal need keys too: --histories counts them")


def _as_json(
    settings: Settings, keyring: Keyring, rows: Counter[str], workflows: Counter[str] | None, missing: list[str]
) -> dict[str, object]:
    keys = {
        key_id: {"cipher": cipher, "rows": rows[key_id], "workflows": None if workflows is None else workflows[key_id]}
        for key_id, cipher in keyring.ciphers.items()
    }
    return {
        "ok": not missing,
        "file": None if settings.keyring is not None else str(settings.keyring_path),
        "active": keyring.active,
        "practice": keyring.for_practice,
        "keys": keys,
        "missing": missing,
    }


async def in_rows(settings: Settings, keyring: Keyring) -> Counter[str]:
    """How many sealed texts in rows each key has sealed. Raises `CommandError`."""
    async with records(settings, keyring, unhurried=True) as database, database.read() as unit:
        return await unit.seals.key_ids()


async def in_histories(settings: Settings) -> Counter[str]:
    """How many of the workflows that Temporal keeps need each key. Reads every history. Raises `CommandError`."""
    client = await connect(settings)
    counts: Counter[str] = Counter()
    with temporal_trouble_in_one_line(settings):
        async for run in client.list_workflows():
            try:
                history = await client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history()
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:  # unless its retention has just ended
                    raise
                continue
            counts.update({key_id for event in history.events for key_id in _key_ids(event)})
    return counts


def _key_ids(message: Message) -> Iterator[str]:
    """The key ids of all sealed payloads in `message`, however deeply nested."""
    if isinstance(message, Payload):
        if KEY_ID in message.metadata:
            yield message.metadata[KEY_ID].decode("ascii", "replace")
        return
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        is_map = field.message_type.GetOptions().map_entry
        children = value.values() if is_map else [value] if isinstance(value, Message) else value
        for child in children:
            if isinstance(child, Message):
                yield from _key_ids(child)
