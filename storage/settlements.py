"""What the centre settled and HIS booked: one row a payment."""

from datetime import datetime

from sqlalchemy import select, update
from sqlmodel import col

from domain import insurance
from domain.base import PaymentKey
from domain.insurance import Split
from security.crypto.keyring import Keyring
from storage import tables
from storage.sealing import RowSeal
from storage.sql.engines import AnyConnection
from storage.sql.statements import here, insert_or_replace, key_of, place_of, table_of


class SettlementRepository:
    def __init__(self, connection: AnyConnection, keyring: Keyring) -> None:
        self._connection = connection
        self._keyring = keyring

    async def settled(self, key: PaymentKey, settlement: insurance.Settlement) -> None:
        """The centre's settlement. The latest word stands; what HIS has booked on it stays."""
        values = RowSeal(self._keyring, key).columns(
            settlement.model_dump(exclude={"split"}) | settlement.split.model_dump()
        )
        statement = insert_or_replace(self._connection, _SETTLEMENT, tuple(values))
        await self._connection.execute(statement, place_of(key) | values)

    async def booked(self, key: PaymentKey, settlement_no: str, at: datetime) -> None:
        """HIS's settlement number, and when we first knew it."""
        values = {"settlement_no": settlement_no, "booked_at": at}
        await self._connection.execute(_BOOKED, values | key_of(key))

    async def find(self, key: PaymentKey) -> insurance.Settlement | None:
        row = (await self._connection.execute(_FIND, key_of(key))).mappings().one_or_none()
        if row is None:
            return None
        values = RowSeal(self._keyring, key).values({**row})
        split = Split(**{name: values[name] for name in Split.model_fields})
        rest = {name: values[name] for name in insurance.Settlement.model_fields if name != "split"}
        return insurance.Settlement(**rest | {"split": split, "revs_token": values["revs_token"] or ""})

    async def forget_tokens(self, at: datetime) -> int:
        """Delete each revsToken whose hour is over at `at` (product rule 12); how many."""
        sealed, deadline = col(tables.Settlement.revs_token_sealed), col(tables.Settlement.reversal_deadline)
        statement = update(tables.Settlement).where(sealed.is_not(None), deadline <= at).values(revs_token_sealed=None)
        return (await self._connection.execute(statement)).rowcount


_SETTLEMENT = table_of(tables.Settlement)
_BOOKED = update(_SETTLEMENT).where(*here(_SETTLEMENT), _SETTLEMENT.c.settlement_no.is_(None))
_FIND = select(_SETTLEMENT).where(*here(_SETTLEMENT))
