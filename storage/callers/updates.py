"""Numbers in the ids of updates: one update per request is in flight, however many processes send it.

Temporal answers a known update id with its first answer. So an id ends in a number, which moves on when the update was
answered; until then everybody sends the same id, and joins the same update.
"""

import uuid
from datetime import UTC, datetime

from sqlalchemy import BigInteger, Index, bindparam, delete, insert, select, update
from sqlmodel import Field, SQLModel

from storage.sql.columns import UtcDateTime
from storage.sql.engines import AnyConnection
from storage.sql.statements import insert_if_new, table_of
from storage.tables import ID_CHARS_MAX, MESSAGE_CHARS_MAX

FIRST = 0
"""The number of an update that was never answered; it has no row."""


class UpdateNumber(SQLModel, table=True):
    """The number of an update's next id. `name`: what is asked of the workflow, with the digest of the request."""

    __tablename__ = "update_number"
    __table_args__ = (Index("update_number_by_time", "moved_at"),)

    workflow_id: str = Field(primary_key=True, max_length=MESSAGE_CHARS_MAX)
    name: str = Field(primary_key=True, max_length=ID_CHARS_MAX)
    number: int = Field(sa_type=BigInteger)
    moved_at: datetime = Field(sa_type=UtcDateTime)


class UpdateNumberRepository:
    def __init__(self, connection: AnyConnection) -> None:
        self._connection = connection

    async def current(self, workflow_id: str, name: str) -> int:
        """The number to send now."""
        found = await self._connection.execute(_CURRENT, {"key_workflow_id": workflow_id, "key_name": name})
        number = found.scalar_one_or_none()
        return FIRST if number is None else int(number)

    async def answered(self, workflow_id: str, name: str, number: int, at: datetime) -> None:
        """The update of this number was answered: move on to the next one, unless somebody has."""
        following = {"number": number + 1, "moved_at": at}
        if number == FIRST:
            new = {"workflow_id": workflow_id, "name": name, **following}
            await self._connection.execute(insert_if_new(self._connection, _NUMBER), new)
            return
        place = {"key_workflow_id": workflow_id, "key_name": name, "key_number": number}
        await self._connection.execute(_MOVED, place | following)

    async def forget(self, before: datetime) -> int:
        """Delete the numbers that have not moved since; how many there were.

        Where the workflow still runs, its ids begin anew; `domain.base.Joined` shows that their answers are old.
        """
        return int((await self._connection.execute(_FORGOTTEN, {"before": before})).rowcount)

    async def probe(self) -> None:
        """Write a row and delete it, to find out whether the database can be written.

        Each probe has a row of its own: a frozen process holds no lock that another one's probe waits for.
        """
        row = {"workflow_id": "", "name": uuid.uuid4().hex}
        await self._connection.execute(insert(_NUMBER), {**row, "number": FIRST, "moved_at": datetime.now(UTC)})
        await self._connection.execute(_DELETED, {f"key_{column}": value for column, value in row.items()})


_NUMBER = table_of(UpdateNumber)
_HERE = (_NUMBER.c.workflow_id == bindparam("key_workflow_id"), _NUMBER.c.name == bindparam("key_name"))
_CURRENT = select(_NUMBER.c.number).where(*_HERE)
_MOVED = update(_NUMBER).where(*_HERE, _NUMBER.c.number == bindparam("key_number"))
_DELETED = delete(_NUMBER).where(*_HERE)
_FORGOTTEN = delete(_NUMBER).where(_NUMBER.c.moved_at < bindparam("before"))
