"""Nonces of signed calls: each is used once, whichever API process it comes to, and forgotten when its time is over."""

from datetime import datetime

from sqlalchemy import bindparam, delete

from storage.signed_call_table import UsedNonce
from storage.sql.engines import AnyConnection
from storage.sql.statements import insert_if_new, table_of


class NonceRepository:
    def __init__(self, connection: AnyConnection) -> None:
        self._connection = connection

    async def use(self, hospital: str, key_name: str, nonce: str, serves_until: datetime) -> bool:
        """Whether the nonce is new to this key. Two that come at once with the same one: one of them is new."""
        values = {"hospital": hospital, "key_name": key_name, "nonce": nonce, "serves_until": serves_until}
        return (await self._connection.execute(insert_if_new(self._connection, _NONCE), values)).rowcount == 1

    async def forget(self, now: datetime) -> int:
        """Delete those whose timestamp is stale by itself; how many they were."""
        return int((await self._connection.execute(_FORGOTTEN, {"now": now})).rowcount)


_NONCE = table_of(UsedNonce)
_FORGOTTEN = delete(_NONCE).where(_NONCE.c.serves_until < bindparam("now"))
