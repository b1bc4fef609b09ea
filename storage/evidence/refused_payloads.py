"""What was found in Temporal that none of our keys had sealed for its place: one row a workflow, and one for the rest.

Anybody who reaches Temporal can write as much of it as they like, so nothing here grows with it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, bindparam, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Field, SQLModel

from domain.base import Frozen, PaymentKey
from storage.sql.columns import UtcDateTime
from storage.sql.engines import AnyConnection
from storage.sql.statements import here, key_of, place_of, table_of
from storage.tables import HOSPITAL_CHARS_MAX, MED_ORG_ORD_CHARS_MAX, WORD_CHARS_MAX

NO_PAYMENT = PaymentKey(hospital="", med_org_ord="")
"""Of workflows that are no payment's."""

RECORDED_EVERY = timedelta(hours=1)
"""How often a workflow is recorded in the access log, at most."""


class RefusedPayload(SQLModel, table=True):
    """`workflow_id`: empty for all that are no payment's. `why`: the latest. `recorded_at`: in the access log."""

    __tablename__ = "refused_payload"
    __table_args__ = (
        Index("refused_payload_by_payment", "hospital", "med_org_ord"),
        CheckConstraint("refused >= 0", name="refused_not_negative"),
    )

    workflow_id: str = Field(primary_key=True, max_length=500)
    hospital: str = Field(max_length=HOSPITAL_CHARS_MAX)
    med_org_ord: str = Field(max_length=MED_ORG_ORD_CHARS_MAX)
    why: str = Field(max_length=WORD_CHARS_MAX)
    refused: int = Field(sa_type=BigInteger)
    first_at: datetime = Field(sa_type=UtcDateTime)
    last_at: datetime = Field(sa_type=UtcDateTime)
    recorded_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class FoundForeign(Frozen):
    """What was refused in one workflow. `refused`: how often, since the workflow began."""

    workflow_id: str
    hospital: str
    med_org_ord: str
    why: str
    refused: int
    last_at: datetime


class RefusedPayloadRepository:
    def __init__(self, connection: AnyConnection) -> None:
        self._connection = connection

    async def found(self, workflow_id: str, key: PaymentKey, why: str, count: int, at: datetime) -> None:
        """Add `count` refusals in a workflow of this payment. `NO_PAYMENT`: of any other workflow."""
        values = {
            **place_of(key),
            "workflow_id": workflow_id if key != NO_PAYMENT else "",
            "why": why,
            "refused": count,
            "first_at": at,
            "last_at": at,
        }
        insert = sqlite.insert if self._connection.dialect.name == "sqlite" else postgresql.insert
        statement = insert(_TABLE)
        new = statement.excluded
        counted = {"refused": _TABLE.c.refused + new.refused, "why": new.why, "last_at": new.last_at}
        adding = statement.on_conflict_do_update(index_elements=["workflow_id"], set_=counted)
        await self._connection.execute(adding, values)

    async def due(self, at: datetime, rows_max: int) -> Sequence[FoundForeign]:
        """Those to be recorded in the access log, the latest first; from now on they are."""
        before = at - RECORDED_EVERY
        rows = (await self._connection.execute(_DUE.limit(rows_max), {"key_before": before})).mappings().all()
        for row in rows:
            await self._connection.execute(_RECORDED, {"key_workflow_id": row["workflow_id"], "recorded_at": at})
        return [FoundForeign(**row) for row in rows]

    async def of_payment(self, key: PaymentKey) -> Sequence[FoundForeign]:
        """In the payment's own workflow and its refunds'."""
        rows: Any = (await self._connection.execute(_OF_PAYMENT, key_of(key))).mappings()
        return [FoundForeign(**row) for row in rows]

    async def total(self) -> int:
        """How many payloads were refused since the records began."""
        return int((await self._connection.execute(_TOTAL)).scalar_one() or 0)


_TABLE = table_of(RefusedPayload)
_FOUND = select(*(_TABLE.c[name] for name in FoundForeign.model_fields))
_UNRECORDED = or_(_TABLE.c.recorded_at.is_(None), _TABLE.c.recorded_at < bindparam("key_before"))
_DUE = _FOUND.where(_UNRECORDED, or_(_TABLE.c.recorded_at.is_(None), _TABLE.c.last_at > _TABLE.c.recorded_at)).order_by(
    _TABLE.c.last_at.desc()
)
_RECORDED = update(_TABLE).where(_TABLE.c.workflow_id == bindparam("key_workflow_id"))
_OF_PAYMENT = _FOUND.where(*here(_TABLE)).order_by(_TABLE.c.last_at)
_TOTAL = select(func.sum(_TABLE.c.refused))
