"""Nonces of signed calls: each is accepted once by all API processes together, and deleted once it has expired."""

from datetime import datetime

from sqlalchemy import Index, bindparam, delete
from sqlmodel import Field, SQLModel

from storage.sql.columns import UtcDateTime
from storage.sql.engines import AnyConnection
from storage.sql.statements import insert_if_new, table_of
from storage.tables import HOSPITAL_CHARS_MAX, WORD_CHARS_MAX

NONCE_CHARS_MAX = 64


class UsedNonce(SQLModel, table=True):
    """The nonce of a signed call. `serves_until`: from then on the call would be refused as stale anyway."""

    __tablename__ = "used_nonce"
    __table_args__ = (Index("used_nonce_by_time", "serves_until"),)

    hospital: str = Field(primary_key=True, max_length=HOSPITAL_CHARS_MAX)
    key_name: str = Field(primary_key=True, max_length=WORD_CHARS_MAX)
    nonce: str = Field(primary_key=True, max_length=NONCE_CHARS_MAX)
    serves_until: datetime = Field(sa_type=UtcDateTime)


class NonceRepository:
    def __init__(self, connection: AnyConnection) -> None:
        self._connection = connection

    async def use(self, hospital: str, key_name: str, nonce: str, serves_until: datetime) -> bool:
        """Use a nonce; whether it is new for this key. Of concurrent calls with the same one, one gets True."""
        values = {"hospital": hospital, "key_name": key_name, "nonce": nonce, "serves_until": serves_until}
        return (await self._connection.execute(insert_if_new(self._connection, _NONCE), values)).rowcount == 1

    async def forget(self, now: datetime) -> int:
        """Delete the nonces no longer needed; how many there were."""
        return int((await self._connection.execute(_FORGOTTEN, {"now": now})).rowcount)


_NONCE = table_of(UsedNonce)
_FORGOTTEN = delete(_NONCE).where(_NONCE.c.serves_until < bindparam("now"))
