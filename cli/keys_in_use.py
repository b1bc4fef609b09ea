"""Which keys of the keyring are still needed: by the records' rows, and by the histories that Temporal keeps."""

from collections import Counter
from collections.abc import Iterator

from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.service import RPCError, RPCStatusCode

from cli.database import database_trouble_in_one_line
from cli.failures import CommandError
from cli.temporal_client import connect
from security.crypto.keyring import Keyring
from security.crypto.payload_codec import KEY_ID
from settings import Settings
from storage.session import Database


async def in_rows(settings: Settings, keyring: Keyring) -> Counter[str]:
    """How many sealed texts of each key there are. Raises `CommandError`."""
    with database_trouble_in_one_line():
        async with Database(settings.database, keyring, statement_s_max=None) as database, database.read() as unit:
            return await unit.seals.key_ids()


async def in_histories(settings: Settings) -> Counter[str]:
    """How many workflows need each key, of all that Temporal keeps: every history is read. Raises `CommandError`."""
    client = await connect(settings)
    counts: Counter[str] = Counter()
    try:
        async for run in client.list_workflows():
            try:
                history = await client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history()
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:  # its retention may just have ended
                    raise
                continue
            counts.update({key_id for event in history.events for key_id in _key_ids(event)})
    except RPCError as error:
        raise CommandError(f"Temporal at {settings.temporal_address} refused: {error.message}") from None
    return counts


def _key_ids(message: Message) -> Iterator[str]:
    """Of every sealed payload in it, however deep."""
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
