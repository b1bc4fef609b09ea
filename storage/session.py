"""The edge owns the transaction: `begin()` or `read()` opens it, the repositories hold the SQL and never commit."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from security.crypto.keyring import Keyring
from storage.access_log import AccessLogRepository
from storage.bill_locks import ClaimRepository
from storage.call_log import RemoteCallRepository
from storage.fee_lines import FeeLineRepository
from storage.nonces import NonceRepository
from storage.notices import NoticeRepository
from storage.notifications import NotificationRepository
from storage.payment_list import PaymentListRepository
from storage.payments import PaymentRepository
from storage.refunds import RefundRepository
from storage.resealing import ResealRepository
from storage.reviews import ReviewRepository
from storage.settlements import SettlementRepository
from storage.sql.engines import WAIT_S_MAX, AnyConnection, open_engines


class Unit:
    """The repositories of one transaction."""

    def __init__(self, connection: AnyConnection, keyring: Keyring) -> None:
        self.access = AccessLogRepository(connection)
        self.payments = PaymentRepository(connection, keyring)
        self.payment_list = PaymentListRepository(connection)
        self.notices = NoticeRepository(connection)
        self.nonces = NonceRepository(connection)
        self.calls = RemoteCallRepository(connection)
        self.fee_lines = FeeLineRepository(connection)
        self.claims = ClaimRepository(connection)
        self.notifications = NotificationRepository(connection)
        self.reviews = ReviewRepository(connection)
        self.refunds = RefundRepository(connection, keyring, self.payments, self.reviews)
        self.settlements = SettlementRepository(connection, keyring)
        self.seals = ResealRepository(connection, keyring)


class Database:
    """The records' database, of a process. `url` is SQLAlchemy's, with an asynchronous driver."""

    def __init__(self, url: str, keyring: Keyring, statement_s_max: float | None = WAIT_S_MAX) -> None:
        self._engines = open_engines(url, statement_s_max)
        self._keyring = keyring

    async def connect(self) -> None:
        """Open a connection, so that a database that can't be reached is told at the start."""
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

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Unit]:
        """One writing transaction: committed at the end, rolled back by an exception. Keep remote calls out of it.

        Never begin a second one inside: on SQLite it would wait for the first.
        """
        async with self._engines.writer.begin() as connection:
            yield Unit(connection, self._keyring)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Unit]:
        """One reading transaction: everything read in it is of the same moment, and nothing can be written."""
        async with self._engines.reader.begin() as connection:
            yield Unit(connection, self._keyring)
