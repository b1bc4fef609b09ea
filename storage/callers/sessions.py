"""Decoding sessions that were ended before their time: what every API process must know of a browser's cookie."""

from datetime import datetime

from sqlalchemy import Index, bindparam, delete, select
from sqlmodel import Field, SQLModel

from storage.sql.columns import UtcDateTime
from storage.sql.engines import AnyConnection
from storage.sql.statements import insert_if_new, table_of
from storage.tables import WORD_CHARS_MAX


class EndedSession(SQLModel, table=True):
    """A session whose person signed out. `serves_until`: from then on its cookie would be refused anyway."""

    __tablename__ = "ended_session"
    __table_args__ = (Index("ended_session_by_time", "serves_until"),)

    session: str = Field(primary_key=True, max_length=WORD_CHARS_MAX)
    serves_until: datetime = Field(sa_type=UtcDateTime)


class EndedSessionRepository:
    def __init__(self, connection: AnyConnection) -> None:
        self._connection = connection

    async def end(self, session: str, serves_until: datetime) -> bool:
        """End a session at once, in all API processes; whether it was not ended before."""
        values = {"session": session, "serves_until": serves_until}
        return (await self._connection.execute(insert_if_new(self._connection, _SESSION), values)).rowcount == 1

    async def has_ended(self, session: str) -> bool:
        return (await self._connection.execute(_FIND, {"key_session": session})).first() is not None

    async def forget(self, now: datetime) -> int:
        """Delete the sessions that would be over anyway; how many there were."""
        return int((await self._connection.execute(_FORGOTTEN, {"now": now})).rowcount)


_SESSION = table_of(EndedSession)
_FIND = select(_SESSION.c.session).where(_SESSION.c.session == bindparam("key_session"))
_FORGOTTEN = delete(_SESSION).where(_SESSION.c.serves_until < bindparam("now"))
