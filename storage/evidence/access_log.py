"""The access log: append and read in order. Triggers refuse changes, and the chain reveals them."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, RowMapping, Text, bindparam, func, insert, select
from sqlmodel import Field, SQLModel

from security.access_log import EMPTY, Access, Head, Link, digest_of, json_text
from storage.sql.engines import AnyConnection
from storage.sql.statements import table_of
from storage.tables import DIGEST_CHARS, HOSPITAL_CHARS_MAX, ID_CHARS_MAX, MESSAGE_CHARS_MAX, WORD_CHARS_MAX

CHAIN_LOCK = 0x6D656471
"""Our number among PostgreSQL's advisory locks."""

PAGE_ROWS = 1_000

AT_CHARS = 32


def _sequence() -> Column[int]:
    """Set by the writer: numbers assigned by the database have gaps, which look like removed records."""
    kind = BigInteger().with_variant(Integer, "sqlite")
    return Column("sequence", kind, primary_key=True, autoincrement=False)


class AccessLog(SQLModel, table=True):
    """A record, as `security.access_log.Link`. `at` is text, since what is digested must be what is stored."""

    __tablename__ = "access_log"
    __table_args__ = (CheckConstraint("sequence > 0", name="sequence_positive"),)

    sequence: int = Field(sa_column=_sequence())
    at: str = Field(max_length=AT_CHARS)
    event: str = Field(max_length=WORD_CHARS_MAX)
    hospital: str = Field(max_length=HOSPITAL_CHARS_MAX)
    actor: str = Field(max_length=ID_CHARS_MAX)
    role: str = Field(max_length=WORD_CHARS_MAX)
    subject: str = Field(max_length=MESSAGE_CHARS_MAX)
    details: str = Field(sa_type=Text)
    previous: str = Field(max_length=DIGEST_CHARS)
    digest: str = Field(max_length=DIGEST_CHARS)


class AccessLogRepository:
    def __init__(self, connection: AnyConnection) -> None:
        self._connection = connection

    async def append(self, access: Access, at: datetime | None = None) -> Head:
        """Append a record; the chain's new head. The transaction must be a writing one.

        Other writers wait from here until the transaction's end, so that no two follow the same record: append last.
        """
        return (await self.append_all([access], at))[-1]

    async def append_all(self, accesses: Sequence[Access], at: datetime | None = None) -> list[Head]:
        """Append several records in this order; their heads."""
        await self._take_turn()
        head, moment = await self.head(), _moment(at or datetime.now(UTC))
        heads: list[Head] = []
        for access in accesses:
            link = _link(access, head, moment)
            head = Head(link.sequence, digest_of(link))
            await self._connection.execute(_APPENDED, asdict(link) | {"digest": head.digest})
            heads.append(head)
        return heads

    async def head(self) -> Head:
        """The last record's number and digest."""
        row = (await self._connection.execute(_LAST)).one_or_none()
        return EMPTY if row is None else Head(row.sequence, row.digest)

    async def records(self) -> AsyncIterator[tuple[Link, str]]:
        """Every record and its digest as stored, in the order of their numbers."""
        after: int | None = None
        while rows := (await self._connection.execute(*_page(after))).mappings().all():
            for row in rows:
                yield _as_stored(row)
            after = rows[-1]["sequence"]

    async def _take_turn(self) -> None:
        """Wait for other writers. On SQLite there is only one writing transaction at a time anyway."""
        if self._connection.dialect.name == "postgresql":
            await self._connection.execute(_TURN)


def _link(access: Access, head: Head, moment: str) -> Link:
    link = Link(
        sequence=head.sequence + 1,
        at=moment,
        event=access.event.value,
        hospital=access.hospital[:HOSPITAL_CHARS_MAX],
        actor=access.actor[:ID_CHARS_MAX],
        role=access.role,
        subject=access.subject[:MESSAGE_CHARS_MAX],
        details=json_text(access.details),
        previous=head.digest,
    )
    return replace(link, actor=_storable(link.actor), subject=_storable(link.subject))


def _storable(text: str) -> str:
    """`text` without NUL and lone surrogates, which PostgreSQL can't store."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _as_stored(row: RowMapping) -> tuple[Link, str]:
    values = dict(row)
    digest = values.pop("digest")
    return Link(**values), digest


_LOG = table_of(AccessLog)
_APPENDED = insert(_LOG)
_LAST = select(_LOG.c.sequence, _LOG.c.digest).order_by(_LOG.c.sequence.desc()).limit(1)
_ALL = select(_LOG).order_by(_LOG.c.sequence).limit(PAGE_ROWS)
_FOLLOWING = _ALL.where(_LOG.c.sequence > bindparam("key_sequence"))
_TURN = select(func.pg_advisory_xact_lock(CHAIN_LOCK))


def _page(after: int | None) -> tuple[Any, dict[str, int]]:
    return (_ALL, {}) if after is None else (_FOLLOWING, {"key_sequence": after})
