"""Payments to write down, and a look at the rows behind the repositories."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from domain.base import PaymentKey
from domain.fen import Fen
from domain.insurance import SetlType, Settlement, Split
from domain.orders import Order
from storage.sql.sqlite import SqliteEngine

AT = datetime(2026, 1, 5, 1, 0, 0, 123456, tzinfo=UTC)
"""A moment with microseconds: both databases must keep them."""

SPLIT = Split(fee_sum_fen=Fen(12850), own_pay_fen=Fen(2570), psn_acct_fen=Fen(2570), fund_fen=Fen(7710))
SETTLEMENT = Settlement(
    trace_time=AT,
    setl_type=SetlType.ALL,
    split=SPLIT,
    revs_token="REVS-MARKER-7",
    reversal_deadline=AT + timedelta(hours=1),
)


def key_of(order: Order) -> PaymentKey:
    return PaymentKey(hospital=order.hospital, med_org_ord=order.med_org_ord)


def later(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


async def rows(engine: AsyncEngine | SqliteEngine, query: str) -> list[dict[str, Any]]:
    """A query's rows, read past the repositories."""
    async with engine.connect() as connection:
        return [dict(row) for row in (await connection.execute(text(query))).mappings()]


async def new_database(server: str, name: str, template: str = "template1") -> str:
    """A database like `template` on the PostgreSQL server at `server`, as an SQLAlchemy URL."""
    engine = create_async_engine(f"postgresql+asyncpg://postgres@{server}/postgres", isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
    await engine.dispose()
    return f"postgresql+asyncpg://postgres@{server}/{name}"


async def somebody_waits(engine: AsyncEngine | SqliteEngine) -> bool:
    """Whether a PostgreSQL session waits for another's lock. SQLite's writers wait before they reach the database."""
    if engine.dialect.name == "sqlite":
        return True
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    return bool(await rows(engine, waiting))
