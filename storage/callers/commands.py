"""Numbers of people's commands: each is used once, by one update of one run, whoever sends it again in Temporal."""

from datetime import datetime

from sqlalchemy import Index, bindparam, delete, select
from sqlmodel import Field, SQLModel

from domain.base import Frozen
from domain.reviews import CommandVerdict
from storage.sql.columns import UtcDateTime
from storage.sql.engines import AnyConnection
from storage.sql.statements import insert_if_new, table_of
from storage.tables import MESSAGE_CHARS_MAX, WORD_CHARS_MAX


class UsedCommand(SQLModel, table=True):
    """A command that a workflow has taken. `update_id`, `run_id`: the update that brought it, and the run."""

    __tablename__ = "used_command"
    __table_args__ = (Index("used_command_by_time", "used_at"),)

    number: str = Field(primary_key=True, max_length=WORD_CHARS_MAX)
    workflow_id: str = Field(max_length=MESSAGE_CHARS_MAX)
    update_id: str = Field(max_length=MESSAGE_CHARS_MAX)
    run_id: str = Field(max_length=WORD_CHARS_MAX)
    used_at: datetime = Field(sa_type=UtcDateTime)


class UsedBy(Frozen):
    """The update that brings a command, and its run."""

    workflow_id: str
    update_id: str
    run_id: str


class CommandRepository:
    def __init__(self, connection: AnyConnection) -> None:
        self._connection = connection

    async def use(self, number: str, by: UsedBy, now: datetime, expires_at: datetime) -> CommandVerdict:
        """Use a command's number. The same update of the same run gets the same verdict however often it asks.

        Of concurrent updates with the same number one gets ACCEPTED.
        """
        # An update's id is whatever its sender likes: in a form that every database takes.
        user = (by.workflow_id, ascii(by.update_id)[:MESSAGE_CHARS_MAX], by.run_id)
        if now < expires_at:
            values = dict(zip(_USER, user, strict=True)) | {"number": number, "used_at": now}
            if (await self._connection.execute(insert_if_new(self._connection, _COMMAND), values)).rowcount == 1:
                return CommandVerdict.ACCEPTED
        row = (await self._connection.execute(_FIND, {"key_number": number})).one_or_none()
        if row is None:
            return CommandVerdict.EXPIRED
        if tuple(row) == user:
            return CommandVerdict.ACCEPTED
        return CommandVerdict.RESET if tuple(row)[:2] == user[:2] else CommandVerdict.USED_BEFORE

    async def forget(self, before: datetime) -> int:
        """Delete those used before then, which have long expired; how many there were."""
        return int((await self._connection.execute(_FORGOTTEN, {"before": before})).rowcount)


_COMMAND = table_of(UsedCommand)
_USER = tuple(UsedBy.model_fields)
_FIND = select(*(_COMMAND.c[column] for column in _USER)).where(_COMMAND.c.number == bindparam("key_number"))
_FORGOTTEN = delete(_COMMAND).where(_COMMAND.c.used_at < bindparam("before"))
