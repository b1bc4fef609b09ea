"""Transactions: the caller opens one by `begin()` or `read()`; repositories hold the SQL and never commit."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from functools import cached_property
from types import TracebackType
from typing import Self

from sqlalchemy.exc import DBAPIError

from domain.base import PaymentKey
from security.crypto.keyring import Keyring
from storage.bill_locks import BillLockRepository
from storage.callers.commands import CommandRepository
from storage.callers.nonces import NonceRepository
from storage.callers.sessions import EndedSessionRepository
from storage.callers.updates import UpdateNumberRepository
from storage.centre_orders import CentreOrderRepository
from storage.evidence.access_log import AccessLogRepository
from storage.evidence.call_log import CallLogRepository
from storage.evidence.refused_payloads import RefusedPayloadRepository
from storage.evidence.steps import StepRepository
from storage.evidence.timeline import TimelineRepository
from storage.notices import NoticeRepository
from storage.notifications import NotificationRepository
from storage.payments import FeeLineRepository, PaymentRepository, SettlementRepository
from storage.refunds import RefundRepository
from storage.reviews import ReviewRepository
from storage.sealing import ResealRepository
from storage.sql.clock import time_of
from storage.sql.engines import WAIT_S_MAX, AnyConnection, open_engines
from storage.sql.refusals import refusal_of
from storage.watch import WatchRepository

_NO_PAYMENT = PaymentKey(hospital="", med_org_ord="")


class Unit:
    """The repositories of one transaction, each made on first use."""

    def __init__(self, connection: AnyConnection, keyring: Keyring) -> None:
        self.connection = connection
        self.keyring = keyring

    access = cached_property(lambda unit: AccessLogRepository(unit.connection))
    payments = cached_property(lambda unit: PaymentRepository(unit.connection, unit.keyring))
    fee_lines = cached_property(lambda unit: FeeLineRepository(unit.connection))
    settlements = cached_property(lambda unit: SettlementRepository(unit.connection, unit.keyring))
    bill_locks = cached_property(lambda unit: BillLockRepository(unit.connection))
    centre_orders = cached_property(lambda unit: CentreOrderRepository(unit.connection))
    calls = cached_property(lambda unit: CallLogRepository(unit.connection))
    steps = cached_property(lambda unit: StepRepository(unit.connection, unit.keyring))
    refunds = cached_property(lambda unit: RefundRepository(unit.connection, unit.keyring, unit.payments))
    reviews = cached_property(lambda unit: ReviewRepository(unit.connection))
    notices = cached_property(lambda unit: NoticeRepository(unit.connection))
    notifications = cached_property(lambda unit: NotificationRepository(unit.connection))
    refused_payloads = cached_property(lambda unit: RefusedPayloadRepository(unit.connection))
    timeline = cached_property(lambda unit: TimelineRepository(unit.connection))
    watch = cached_property(lambda unit: WatchRepository(unit.connection))
    nonces = cached_property(lambda unit: NonceRepository(unit.connection))
    commands = cached_property(lambda unit: CommandRepository(unit.connection))
    ended_sessions = cached_property(lambda unit: EndedSessionRepository(unit.connection))
    update_numbers = cached_property(lambda unit: UpdateNumberRepository(unit.connection))
    seals = cached_property(lambda unit: ResealRepository(unit.connection, unit.keyring))

    async def now(self) -> datetime:
        """The database's time, by which all workers go. In tests, that of the Temporal server which skips time."""
        return await time_of(self.connection)


class Database:
    """The records' database, one object per process. `url`: SQLAlchemy's, with an asynchronous driver."""

    def __init__(self, url: str, keyring: Keyring, statement_s_max: float | None = WAIT_S_MAX) -> None:
        self._engines = open_engines(url, statement_s_max)
        self._keyring = keyring

    async def connect(self) -> None:
        """Open a connection, so that an unreachable database is noticed at the start."""
        async with self._engines.writer.connect():
            return

    async def close(self) -> None:
        """Close every connection."""
        await self._engines.dispose()

    async def __aenter__(self) -> Self:
        try:
            await self.connect()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def check_tables(self) -> None:
        """Raises SQLAlchemyError, OSError or TimeoutError if the database can't be reached or was never migrated."""
        async with self.read() as unit:
            await unit.payments.find(_NO_PAYMENT)

    async def check_writable(self) -> None:
        """Write and delete a row. Raises SQLAlchemyError, OSError or TimeoutError if that can't be done."""
        async with self.begin() as unit:
            await unit.update_numbers.probe()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Unit]:
        """A writing transaction, committed at the end or rolled back by an exception. Make no remote calls inside.

        Never begin a second one inside: on SQLite it would wait for the first.

        Raises `RowRefusedError` for a row that the database will never take.
        """
        try:
            async with self._engines.writer.begin() as connection:
                yield Unit(connection, self._keyring)
        except (DBAPIError, UnicodeEncodeError, OverflowError) as error:
            refused = refusal_of(error)
            if refused is None:
                raise
            # Its text, and that of the driver's own error, may hold the value.
            raise refused from None

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Unit]:
        """A read-only transaction, in which everything is read from one snapshot."""
        async with self._engines.reader.begin() as connection:
            yield Unit(connection, self._keyring)
